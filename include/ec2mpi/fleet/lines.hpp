#pragma once
/// Bytes to whole lines.

#include <string>
#include <string_view>

namespace ec2mpi {

/// Cuts one stream into lines. A line longer than kLongest is handed on in parts, so that a node that never
/// ends its line can't fill the memory.
class LineCutter {
 public:
  static constexpr std::size_t kLongest = 1 << 20;

  /// Calls `on_line` for every line that these bytes complete, without its LF.
  template <class OnLine>
  void feed(std::string_view bytes, OnLine&& on_line) {
    for (auto end = bytes.find('\n'); end != std::string_view::npos; end = bytes.find('\n')) {
      if (rest_.empty()) {
        on_line(bytes.substr(0, end));
      } else {
        rest_.append(bytes.substr(0, end));
        on_line(std::string_view(rest_));
        rest_.clear();
      }
      bytes.remove_prefix(end + 1);
    }
    rest_.append(bytes);
    if (rest_.size() >= kLongest) finish(on_line);
  }

  /// Calls `on_line` for the bytes after the last end of line.
  template <class OnLine>
  void finish(OnLine&& on_line) {
    if (rest_.empty()) return;
    on_line(std::string_view(rest_));
    rest_.clear();
  }

 private:
  std::string rest_;
};

}  // namespace ec2mpi
