#include "ec2mpi/cli/views/exec_output.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <algorithm>
#include <map>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cli/terminal/json.hpp"
#include "ec2mpi/fleet/gather.hpp"
#include "ec2mpi/fleet/lines.hpp"

namespace ec2mpi::cli {

namespace {

/// Neighbours in the list differ in their colours.
Colour colour_of(const Node& node) {
  static constexpr Colour kWheel[] = {Colour::cyan, Colour::green, Colour::yellow, Colour::blue,
                                      Colour::magenta};
  return kWheel[static_cast<std::size_t>(node.index - 1) % std::size(kWheel)];
}

/// A node's line: its control characters are made visible on a terminal, where they could forge another's
/// line.
std::string shown(const Console& console, ssh::Stream stream, std::string_view line, Controls controls) {
  const bool terminal = stream == ssh::Stream::out ? console.result_is_terminal() : console.shows_status();
  return terminal && controls == Controls::shown ? terminal_line(line) : std::string(line);
}

/// Each line as it arrives; lines of several nodes are interleaved, each of them whole.
class LiveOutput : public ExecOutput {
 public:
  LiveOutput(Console& console, const std::vector<Node>& nodes, bool labels, Controls controls)
      : console_(console), labels_(labels), controls_(controls) {
    // The longest label decides where all lines begin.
    for (const auto& node : nodes) width_ = std::max(width_, node.label().size());
  }

  // One write for all of them: a write for each of a million short lines takes seconds.
  void lines(const Node& node, ssh::Stream stream, std::string_view lines) override {
    const bool is_result = stream == ssh::Stream::out;
    const auto front = label(node, is_result);
    std::string text;
    LineCutter().feed(lines, [&](std::string_view line) {
      text.append(front).append(shown(console_, stream, line, controls_)).append(1, '\n');
    });
    if (is_result)
      console_.result_bytes(text);
    else
      console_.talk_bytes(text);
  }

 private:
  [[nodiscard]] std::string label(const Node& node, bool on_result) const {
    if (!labels_) return {};
    // For programs, a tab stands behind the label: cut(1) splits there.
    if (!(on_result ? console_.result_is_terminal() : console_.shows_status())) return node.label() + "\t";
    const auto padded = fmt::format("{:<{}}", node.label() + ":", width_ + 2);
    return on_result ? console_.paint_result(colour_of(node), padded)
                     : console_.paint_talk(colour_of(node), padded);
  }

  Console& console_;
  bool labels_;
  Controls controls_;
  std::size_t width_ = 0;
};

/// Bytes that a form that keeps output holds of each node's stream, at most; the rest is counted and
/// reported. All together stay below 32 MiB, unless there are so many nodes that each would get less than 64
/// KiB.
std::size_t most_kept(std::size_t nodes) {
  constexpr std::size_t kAllTogether = 32 << 20;
  constexpr std::size_t kEach = 64 << 10;
  return std::max<std::size_t>(kAllTogether / (2 * std::max<std::size_t>(nodes, 1)), kEach);
}

/// One stream of one node, kept up to a limit in bytes.
class Kept {
 public:
  void add(std::string_view line, std::size_t most) {
    // One line too many is dropped as a whole, so that the kept text ends with a line.
    if (text_.size() + line.size() < most)
      text_.append(line).append("\n");
    else
      dropped_ += line.size() + 1;
  }
  /// Returns the text, with a line about the dropped bytes.
  [[nodiscard]] std::string take() {
    if (dropped_ > 0)
      text_ += fmt::format("[ec2mpi: {} more; --outdir keeps everything]\n", format_bytes(dropped_));
    return std::move(text_);
  }
  [[nodiscard]] std::string take_bare() { return std::move(text_); }
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

 private:
  std::string text_;
  std::uint64_t dropped_ = 0;
};

/// Keeps everything until the last node has ended, up to most_kept() for each stream.
class GatheredOutput : public ExecOutput {
 public:
  GatheredOutput(Console& console, std::size_t nodes, bool differences, Controls controls)
      : console_(console), most_(most_kept(nodes)), differences_(differences), controls_(controls) {}

  void lines(const Node& node, ssh::Stream stream, std::string_view lines) override {
    auto& kept = (stream == ssh::Stream::out ? out_ : err_)[node.index];
    LineCutter().feed(
        lines, [&](std::string_view line) { kept.add(shown(console_, stream, line, controls_), most_); });
  }

  // Only when all nodes have ended can equal outputs be put together.
  std::vector<Error> finish(const FleetReport& report, int) override {
    if (differences_ && !out_.empty()) add_the_silent(report);
    const auto show = differences_ ? render_differences : render_groups;
    console_.result_bytes(show(gather(collected(out_))));
    console_.talk_bytes(show(gather(collected(err_))));
    return {};
  }

 private:
  using ByNode = std::map<int, Kept>;

  /// A node that ran it and printed nothing differs from the nodes that printed something.
  void add_the_silent(const FleetReport& report) {
    // A node that could not run the command has no output to compare.
    for (const auto& result : report.results) {
      if (std::holds_alternative<ssh::ExitStatus>(result.outcome)) out_[result.node.index];
    }
  }

  static std::vector<NodeOutput> collected(ByNode& streams) {
    std::vector<NodeOutput> outputs;
    for (auto& [index, kept] : streams) outputs.push_back({index, kept.take()});
    return outputs;
  }

  Console& console_;
  std::size_t most_;
  bool differences_;
  Controls controls_;
  ByNode out_;
  ByNode err_;
};

/// Files get the bytes and not the lines, so that output without line ends is the same there.
class FilesOutput : public ExecOutput {
 public:
  /// Opens all files first: a folder that cannot be written is an error before anything runs.
  static Result<std::unique_ptr<ExecOutput>> open(const std::filesystem::path& folder,
                                                  const std::vector<Node>& nodes) {
    std::error_code failed;
    std::filesystem::create_directories(folder, failed);
    if (failed)
      return fail(ErrorKind::local_io,
                  fmt::format("cannot make the folder {}: {}", printable(folder.string()), failed.message()));
    auto output = std::make_unique<FilesOutput>();
    for (const auto& node : nodes) {
      for (const auto stream : {ssh::Stream::out, ssh::Stream::err}) {
        const auto file = folder / (node.label() + (stream == ssh::Stream::out ? ".out" : ".err"));
        // Nobody has asked for a link of this name, and what it leads to stays as it is.
        if (std::filesystem::is_symlink(file, failed)) std::filesystem::remove(file, failed);
        UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666));
        if (!fd) return io_error("write", file);
        output->files_.emplace(std::pair(node.index, stream), File{file, std::move(fd), {}, {}});
      }
    }
    return output;
  }

  void bytes(const Node& node, ssh::Stream stream, std::string_view bytes) override {
    auto& file = files_.at({node.index, stream});
    file.buffer.append(bytes);
    // Collected, so that many small chunks of many nodes become few writes.
    if (file.buffer.size() > kBuffer) write(file);
  }

  std::vector<Error> finish(const FleetReport&, int) override {
    std::vector<Error> errors;
    for (auto& [key, file] : files_) {
      write(file);
      close(file);
      if (!file.written) errors.push_back(file.written.error());
    }
    return errors;
  }

 private:
  static constexpr std::size_t kBuffer = 32 * 1024;
  /// `written` holds the first error.
  struct File {
    std::filesystem::path path;
    UniqueFd fd;
    std::string buffer;
    Result<void> written = {};
  };

  static void write(File& file) {
    // After its first failed write, a file gets no more bytes: it must not have a gap.
    if (file.written) file.written = write_all(file.fd.get(), file.buffer, file.path);
    file.buffer.clear();
  }

  /// A file system over the network may say only now that there is no room.
  static void close(File& file) {
    if (::close(file.fd.release()) != 0 && file.written) file.written = io_error("write", file.path);
  }

  std::map<std::pair<int, ssh::Stream>, File> files_;
};

/// One document, printed at the end.
class JsonOutput : public ExecOutput {
 public:
  JsonOutput(Console& console, std::size_t nodes, std::string command, NodeNumbers numbers,
             std::function<Numbers()> totals, bool dry_run)
      : console_(console),
        most_(most_kept(nodes)),
        command_(std::move(command)),
        numbers_(std::move(numbers)),
        totals_(std::move(totals)),
        dry_run_(dry_run) {}

  void lines(const Node& node, ssh::Stream stream, std::string_view lines) override {
    auto& [out, err] = kept_[node.index];
    auto& kept = stream == ssh::Stream::out ? out : err;
    LineCutter().feed(lines, [&](std::string_view line) { kept.add(line, most_); });
  }

  std::vector<Error> finish(const FleetReport& report, int exit_code) override {
    // In the order of Ending.
    static constexpr const char* kEndings[] = {"complete", "interrupted", "timed_out"};
    Json document = {{"command", command_},
                     {"ending", kEndings[static_cast<std::size_t>(report.ending)]},
                     {"exit_code", exit_code}};
    if (dry_run_) document["dry_run"] = true;
    if (totals_)
      for (const auto& [name, number] : totals_()) document["copied"][name] = number;
    auto& nodes = document["nodes"] = Json::array();
    for (const auto& result : report.results) nodes.push_back(entry(result));
    console_.result(dump_json(document));
    return {};
  }

 private:
  /// The fields of docs/json.md. Exactly one of status, signal, error and reason is there, as `outcome` says.
  Json entry(const NodeResult& result) {
    auto& [out, err] = kept_[result.node.index];
    Json json = {{"index", result.node.index},
                 {"node", result.node.label()},
                 {"address", result.node.address},
                 {"id", result.node.instance_id}};
    if (const auto* status = std::get_if<ssh::ExitStatus>(&result.outcome)) {
      json["outcome"] = status->signal.empty() ? "exit" : "signal";
      if (status->signal.empty())
        json["status"] = status->code;
      else
        json["signal"] = status->signal;
    } else if (const auto* error = std::get_if<Error>(&result.outcome)) {
      json["outcome"] = "error";
      json["error"] = {{"kind", kind_name(error->kind)}, {"message", error->message}};
    } else {
      json["outcome"] = "not_run";
      json["reason"] = std::get<NotRun>(result.outcome).reason;
    }
    json["seconds"] = std::chrono::duration<double>(result.elapsed).count();
    if (numbers_)
      for (const auto& [name, number] : numbers_(result.node)) json[name] = number;
    json["stdout"] = out.take_bare();
    json["stderr"] = err.take_bare();
    if (out.dropped() + err.dropped() > 0) json["dropped_bytes"] = out.dropped() + err.dropped();
    return json;
  }

  Console& console_;
  std::size_t most_;
  std::string command_;
  NodeNumbers numbers_;
  std::function<Numbers()> totals_;
  bool dry_run_;
  std::map<int, std::pair<Kept, Kept>> kept_;
};

}  // namespace

std::unique_ptr<ExecOutput> live_output(Console& console, const std::vector<Node>& nodes, bool labels,
                                        Controls controls) {
  return std::make_unique<LiveOutput>(console, nodes, labels, controls);
}

std::unique_ptr<ExecOutput> gathered_output(Console& console, std::size_t nodes, bool differences,
                                            Controls controls) {
  return std::make_unique<GatheredOutput>(console, nodes, differences, controls);
}

Result<std::unique_ptr<ExecOutput>> files_output(const std::filesystem::path& folder,
                                                 const std::vector<Node>& nodes) {
  return FilesOutput::open(folder, nodes);
}

std::unique_ptr<ExecOutput> json_output(Console& console, std::size_t nodes, std::string command,
                                        NodeNumbers numbers, std::function<Numbers()> totals, bool dry_run) {
  return std::make_unique<JsonOutput>(console, nodes, std::move(command), std::move(numbers),
                                      std::move(totals), dry_run);
}

}  // namespace ec2mpi::cli
