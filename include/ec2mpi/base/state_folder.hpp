#pragma once
/// The folder in which ec2mpi keeps its own state: host keys, the cluster's key, its memory of lists
/// and nodes. Its content decides which machines and keys are trusted, so nothing of it is believed that
/// another user could have put there. All state is read and written through this class.

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/base/file.hpp"

namespace ec2mpi {

class StateFolder {
 public:
  /// `secret`: nobody else may be able to read it.
  enum class Content { open, secret };

  StateFolder() = default;
  explicit StateFolder(std::filesystem::path path) : path_(std::move(path)) {}

  /// The place under $XDG_STATE_HOME for the state of a folder in which nothing can be written.
  [[nodiscard]] static StateFolder away_from(const std::filesystem::path& folder);

  /// Whether something can be written in it, or it can be made.
  [[nodiscard]] bool can_be_written() const;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  /// Refuses a folder that is a link, that belongs to another user or that others can write; a missing one is
  /// fine. Errors here and below: usage if the state cannot be trusted, else local_io; both name the path.
  [[nodiscard]] Result<void> check() const;

  [[nodiscard]] Result<void> make() const;

  /// The content of a file; nothing if there is no such file. `name` may hold folders: "lists/LIST".
  [[nodiscard]] Result<std::optional<std::string>> read(const std::filesystem::path& name,
                                                        Content content = Content::open) const;

  /// Replaces a file, if its content differs, for the user's eyes only. Makes the folders.
  [[nodiscard]] Result<void> write(const std::filesystem::path& name, std::string_view text) const;

  /// Calls `addition` with the file's content and appends the text that it returns, while no other ec2mpi can
  /// change the file.
  using Addition = std::function<Result<std::string>(std::string_view content)>;
  [[nodiscard]] Result<void> append(const std::filesystem::path& name, const Addition& addition) const;

  /// Removes files, and then their folders if they are empty.
  void remove(std::initializer_list<std::filesystem::path> names) const;

 private:
  enum class Missing { fine, make };

  [[nodiscard]] Result<UniqueFd> open_folder(const std::filesystem::path& below, Missing missing) const;
  [[nodiscard]] Result<UniqueFd> open_file(const std::filesystem::path& name, int flags,
                                           Missing missing) const;

  std::filesystem::path path_;
};

}  // namespace ec2mpi
