#pragma once
/// One pull from one node.

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ec2mpi/fleet/fleet.hpp"
#include "ec2mpi/ops/pull/job.hpp"
#include "src/ops/pull/choice.hpp"
#include "src/ops/pull/complaints.hpp"
#include "src/ops/pull/listing.hpp"

namespace ec2mpi::ops {

/// The size of each file here, by its place: only appended bytes travel.
struct FollowedFile {
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
};
using FollowedFiles = std::map<std::string, FollowedFile>;

/// The file on the node is the one that is here, with more bytes at its end.
[[nodiscard]] bool has_grown(const PullWant& want, const FollowedFiles& followed, SafeTree& tree);

/// Whether this number of bytes fits on the disk of a folder, which need not be there yet. Errors: local_io.
[[nodiscard]] Result<void> look_for_room(const std::filesystem::path& folder, std::uint64_t bytes);

class PullNode {
 public:
  /// `followed`: nullptr, or the files that are followed: those that have grown are left alone, and run()
  /// adds the files that are here at its end.
  PullNode(NodeRun& run, PullJob& job, FollowedFiles* followed = nullptr)
      : run_(run),
        job_(job),
        plan_(job.plans.at(run.node.index)),
        counts_(job.counts[run.node.index]),
        followed_(followed) {}

  [[nodiscard]] asio::awaitable<Result<ssh::ExitStatus>> run();

 private:
  Result<void> open_tree();
  asio::awaitable<Result<ssh::ExitStatus>> bring_all();
  asio::awaitable<Result<void>> receive_listing(ssh::Channel& channel);
  Result<void> plan_work();
  asio::awaitable<Result<void>> compare_contents();
  Result<void> reserve();
  void give_back();
  [[nodiscard]] std::uint64_t left_of_max_size() const;
  [[nodiscard]] std::unexpected<Error> refusal() const;
  void tell_plan();
  Result<void> make_folders_and_links();
  std::vector<PullWant> split_off(const std::function<bool(const PullWant&)>& wanted);
  asio::awaitable<Result<ssh::ExitStatus>> pull_unsized_files(std::vector<PullWant> files);
  asio::awaitable<Result<ssh::ExitStatus>> receive_archive(ssh::Channel& channel);
  asio::awaitable<Result<ssh::ExitStatus>> unpack(ssh::Channel& channel);
  asio::awaitable<Result<ssh::ExitStatus>> drain(ssh::Channel& channel);
  [[nodiscard]] std::uint64_t room_for_archive() const;
  Result<ssh::ExitStatus> judge_end(const Result<ssh::ExitStatus>& status, const Result<void>& whole);
  [[nodiscard]] std::string note_of_filled_source(const std::string& complaint) const;
  [[nodiscard]] std::unexpected<Error> judge(const Result<ssh::ExitStatus>& status,
                                             const std::string& otherwise);
  void remember();
  void sweep();
  void add_bytes(std::uint64_t bytes);
  void note(std::string_view name, std::string_view why);
  void say(const std::string& words);

  NodeRun& run_;
  PullJob& job_;
  const PullPlan& plan_;
  PullCounts& counts_;
  FollowedFiles* followed_;
  std::optional<SafeTree> tree_;
  std::string token_;
  ListingMemory memory_{job_.listed};  ///< that sources_ takes
  std::vector<RemoteSource> sources_;
  PullChoice choice_;
  std::uint64_t reserved_ = 0;  ///< bytes, of those that all nodes together may send
  std::uint64_t brought_ = 0;
  Complaints complaints_{&job_.options.exclude};
  std::size_t notes_ = 0;
};

}  // namespace ec2mpi::ops
