#pragma once
/// Descriptors 0 to 2, and the exit code after a failed write.

#include <string>
#include <string_view>

namespace ec2mpi::cli {

/// Must be called first. Opens /dev/null for those that are closed, so that no file that is opened later
/// gets such a number. Reading from them and writing to them fails as before.
void fill_standard_descriptors();

/// Text for commands without an event loop. Returns when it is written; a failure is reported and noted.
void print_result(std::string_view text);
void print_talk(std::string_view text);

/// "cannot write standard output: No space left on device"
[[nodiscard]] std::string loss_text(int fd, int error);

/// Notes that output was lost, for the exit code. EPIPE: its reader has stopped reading.
void note_loss(int error);

/// To be called by each writer of standard output or standard error with its text.
void note_output(int fd, std::string_view text);
/// Whether there was text for standard output.
[[nodiscard]] bool has_results();
/// The last kilobytes for standard error, without colours and without "ec2mpi: ". Printable lines.
[[nodiscard]] std::string last_words();

/// Forgets all notes, for another command line in the same process.
void forget_notes();

/// The command's exit code, unless it is 0 and output was lost.
[[nodiscard]] int exit_code_with_losses(int code);

}  // namespace ec2mpi::cli
