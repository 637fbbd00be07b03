#include <fmt/format.h>

#include <algorithm>

#include "ec2mpi/cluster/values/quote.hpp"
#include "src/cluster/read/cell_stream.hpp"
#include "src/cluster/read/fields.hpp"
#include "src/cluster/read/table_readers.hpp"

namespace ec2mpi {
namespace {

class PageReader {
 public:
  PageReader(const Table& table, std::string_view source)
      : table_(table), source_(source), stream_(table, 0, false) {}

  /// True if the labels are found: known names of columns around that of the id, before the first id.
  bool find_labels() {
    const std::size_t end = stream_.ids.empty() ? 0 : stream_.ids.front();
    std::size_t id = next_id_label(0, end);
    if (id == end) return false;
    begin_ = id;
    while (begin_ > 0 && field_at(begin_ - 1) != Field::unknown) --begin_;
    after_ = id;
    while (after_ < end && field_at(after_) != Field::unknown) ++after_;
    if (const std::size_t again = next_id_label(id + 1, after_); again < after_) {  // the header stands twice
      const std::size_t count = again - id;
      while (begin_ < id && stream_.cells[begin_ + count] != stream_.cells[begin_]) ++begin_;
      begin_ += count;
      id = again;
    }
    id_ = id - begin_;
    return after_ - begin_ > 1;
  }

  Result<Table> read() {
    // A Name may be the word of a label: then it belongs to the first instance and not to the labels.
    std::size_t misfit = stream_.ids.front();
    for (const std::size_t count : {after_ - begin_, after_ - begin_ - 1}) {
      if (count > id_ && cut(count)) return std::move(out_);
      misfit = std::max(misfit, misfit_);
    }
    return bad_list(
        source_, table_.rows[stream_.row_of[misfit]].line,
        fmt::format("{} does not fit the column names above; set the console to English, show only its "
                    "standard columns, or use `aws ec2 describe-instances --output json`",
                    in_quotes(stream_.cells[misfit])));
  }

 private:
  [[nodiscard]] Field field_at(std::size_t i) const { return field_of_column(stream_.cells[i]); }

  [[nodiscard]] std::size_t next_id_label(std::size_t i, std::size_t end) const {
    while (i < end && field_at(i) != Field::instance_id) ++i;
    return i;
  }

  /// Makes one row of each instance, if all have `count` cells, or one less where the Name is empty.
  bool cut(std::size_t count) {
    out_ = Table{};
    add_row(stream_.row_of[begin_], begin_, count, count);
    std::size_t name = 0;
    while (name < count && field_at(begin_ + name) != Field::name) ++name;
    std::size_t begin = begin_ + count;
    for (std::size_t i = 0; i < stream_.ids.size(); ++i) {
      const std::size_t left = stream_.ids[i] - begin;
      // An instance without a Name leaves no line for it, so its id comes one cell early.
      const bool nameless = name < id_ && left + 1 == id_;
      misfit_ = stream_.ids[i];
      // First: where the id stands before the row's beginning, `left` has wrapped around.
      if (begin > stream_.ids[i] || (left != id_ && !nameless)) return false;
      const std::size_t end = begin + count - (nameless ? 1 : 0);
      const std::size_t next = i + 1 < stream_.ids.size() ? stream_.ids[i + 1] : stream_.cells.size();
      if (end > next) return false;
      add_row(stream_.row_of[stream_.ids[i]], begin, end - begin, nameless ? name : count);
      begin = end;
    }
    misfit_ = begin;
    return begin == stream_.cells.size() || is_foot(begin, count);
  }

  /// What stands below a page whose labels stand on lines of their own, without an address; a table, whose
  /// labels share a line, has no foot.
  [[nodiscard]] bool is_foot(std::size_t from, std::size_t count) const {
    return stream_.row_of[begin_] != stream_.row_of[begin_ + count - 1] &&
           std::none_of(stream_.cells.begin() + static_cast<std::ptrdiff_t>(from), stream_.cells.end(),
                        is_numeric_address);
  }

  /// An empty cell is put in at `empty`, if that is less than `size`.
  void add_row(std::size_t row, std::size_t begin, std::size_t size, std::size_t empty) {
    out_.begin_row(table_.rows[row].line);
    for (std::size_t i = 0; i < size; ++i) {
      if (i == empty) out_.add("");
      out_.add(stream_.cells[begin + i]);
    }
  }

  const Table& table_;
  std::string_view source_;
  CellStream stream_;
  std::size_t begin_ = 0;   ///< of the labels in the stream
  std::size_t after_ = 0;   ///< the first cell that is no label
  std::size_t id_ = 0;      ///< which label is that of the id
  std::size_t misfit_ = 0;  ///< a cell that does not fit the labels
  Table out_;
};

}  // namespace

std::optional<Result<Table>> rows_below_labels(const Table& table, std::string_view source) {
  PageReader reader(table, source);
  if (!reader.find_labels()) return std::nullopt;
  return reader.read();
}

}  // namespace ec2mpi
