# A formula for Homebrew. It was never built: only its syntax is checked. Before use, fill in homepage, url and sha256.
class Ec2mpi < Formula
  desc "Turns a list of Amazon EC2 instances into an MPI cluster over ssh"
  homepage "https://example.org/ec2mpi"
  url "https://example.org/ec2mpi-0.1.0.tar.gz"
  sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  license "MIT"

  depends_on "asio" => :build
  depends_on "cli11" => :build
  depends_on "cmake" => :build
  depends_on "ninja" => :build
  depends_on "nlohmann-json" => :build
  depends_on "pkg-config" => :build
  depends_on "python@3.12" => :build
  depends_on "tomlplusplus" => :build
  depends_on "fmt"
  depends_on "libssh"
  depends_on "openssl@3"
  depends_on "pugixml"
  depends_on "spdlog"
  uses_from_macos "curl"
  uses_from_macos "zlib"

  def install
    system "cmake", "-G", "Ninja", "-S", ".", "-B", "build", "-DEC2MPI_TESTS=OFF", *std_cmake_args
    system "cmake", "--build", "build"
    system "cmake", "--install", "build"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/ec2mpi --version")
    (testpath/"list").write "203.0.113.11\n"
    assert_equal "203.0.113.11\n", shell_output("#{bin}/ec2mpi ips list")
  end
end
