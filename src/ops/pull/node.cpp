#include "src/ops/pull/node.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <asio/this_coro.hpp>
#include <limits>
#include <set>
#include <utility>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ops/node/feeder.hpp"
#include "ec2mpi/ops/node/remote.hpp"
#include "ec2mpi/ops/node/remote_program.hpp"
#include "src/ops/pull/archive.hpp"
#include "src/ops/pull/ranges.hpp"
#include "src/ops/pull/script.hpp"
#include "src/ops/pull/sums.hpp"
#include "src/ops/pull/unsized.hpp"

namespace ec2mpi::ops {

namespace {

constexpr std::size_t kMostNotes = 20;
constexpr std::uint64_t kBigFile = 8 << 20;  // from here on a file is brought by parts, and can be resumed

/// The next step of a user who may not read a file there.
void add_advice(Error& error, bool as_root) {
  if (!as_root && error.kind == ErrorKind::remote_io &&
      error.message.find(": Permission denied") != std::string::npos)
    error.message += "; ec2mpi pull --sudo reads as root";
}

/// A file that cannot be read does not stop the others.
bool may_continue_after(const Result<ssh::ExitStatus>& status) {
  return status || status.error().kind == ErrorKind::remote_io;
}

}  // namespace

/// The file here must have the size that the last copy gave it: the tail goes behind that.
bool has_grown(const PullWant& want, const FollowedFiles& followed, SafeTree& tree) {
  const auto known = followed.find(want.place);
  if (known == followed.end() || known->second.inode != want.item.inode ||
      known->second.size >= want.item.size) {
    return false;
  }
  const auto here = tree.look(want.place);
  return here && *here && (*here)->kind == LocalState::Kind::file && (*here)->size == known->second.size;
}

asio::awaitable<Result<ssh::ExitStatus>> PullNode::run() {
  std::error_code missing;
  if (std::filesystem::is_directory(plan_.folder, missing)) {
    CO_TRY_AS(opened, open_tree());
  }
  auto status = co_await bring_all();
  if (!status) add_advice(status.error(), plan_.as_root);
  // Counted where they got their names, so the number is true after a failure, too.
  if (tree_) counts_.copied += tree_->files_in_place();
  const bool lied = !status && status.error().kind == ErrorKind::protocol;
  // Nothing of a node that breaks the protocol is left for a later pull to continue.
  if (lied && tree_) tree_->drop_file();
  // After any other failure the part of a big file stays, for the same pull continues it.
  if (tree_ && (lied || (status && status->ok()))) sweep();
  if (!status || !status->ok()) give_back();
  if (followed_ != nullptr && tree_) remember();
  const auto finished = tree_ ? tree_->finish() : Result<void>{};
  if (status && !finished) co_return std::unexpected(finished.error());
  if (notes_ > kMostNotes) say(fmt::format("skipped {} more", notes_ - kMostNotes));
  co_return status;
}

/// Makes the folder if it is not there; so not before there is something to put into it.
Result<void> PullNode::open_tree() {
  TRY_AS(tree, SafeTree::open(plan_.folder));
  tree_.emplace(std::move(*tree));
  return {};
}

/// In this order: the listing, all decisions, folders and links, the archive of small files, files that hide
/// their size, and big files in parts. If the node could not give some files, the later steps still run, and
/// the node fails at the end.
asio::awaitable<Result<ssh::ExitStatus>> PullNode::bring_all() {
  // Random, so that no output of a start-up file is taken for the beginning of the listing.
  token_ = random_hex(32);
  const auto absent = followed_ != nullptr ? AbsentSources::wait : AbsentSources::fail;
  auto program = pull_list_program(plan_, token_, absent);
  ssh::Request request{.command = std::move(program.text), .bulk = true};
  CO_TRY_AS(channel, co_await start_program(run_.session, std::move(request), run_.limit));
  CO_TRY(co_await offer_input(**channel, program.input, run_.limit));
  CO_TRY_AS(listed, co_await receive_listing(**channel));
  auto planned = plan_work();
  if (planned && !choice_.doubtful.empty()) planned = co_await compare_contents();
  if (planned) planned = reserve();
  if (!planned) co_return std::unexpected(planned.error());
  if (job_.options.dry_run) {
    tell_plan();
    // Without a path, tar on the node sends an empty archive and ends.
    (*channel)->close_input();
    auto status = co_await drain(**channel);
    if (status && !choice_.refused.empty()) status = refusal();
    co_return status;
  }
  auto opened = tree_ ? Result<void>{} : open_tree();
  if (!opened) co_return std::unexpected(opened.error());
  tree_->expect(choice_.room);
  CO_TRY(make_folders_and_links());
  auto big = split_off([](const PullWant& want) { return want.item.size >= kBigFile; });
  // tar would take the size that the system reports, which is wrong for these files.
  auto unsized = split_off(
      [this](const PullWant& want) { return followed_ == nullptr && may_hide_its_size(want.item); });
  auto status = co_await receive_archive(**channel);
  if (!unsized.empty() && may_continue_after(status)) {
    auto read = co_await pull_unsized_files(std::move(unsized));
    if (status) status = std::move(read);
  }
  if (status && !choice_.refused.empty()) status = refusal();
  if (big.empty() || !may_continue_after(status)) co_return status;
  const auto progress = [this](std::uint64_t bytes) { add_bytes(bytes); };
  PartsJob parts{run_, plan_.as_root, *tree_, progress};
  auto brought = co_await pull_big_files(std::move(parts), std::move(big), job_.options.streams);
  if (status && !brought) co_return std::unexpected(brought.error());
  co_return status;
}

asio::awaitable<Result<void>> PullNode::receive_listing(ssh::Channel& channel) {
  PullListing listing(token_, memory_, &job_.options.exclude);
  while (!listing.ended()) {
    CO_TRY_AS(chunk, co_await channel.read(run_.limit));
    if (!*chunk) co_return judge(channel.exit_status(), "the node sent no listing");
    if ((*chunk)->stream == ssh::Stream::err) {
      complaints_.feed((*chunk)->bytes);
      continue;
    }
    CO_TRY_AS(rest, listing.feed((*chunk)->bytes));
    // Behind its listing, an honest node waits for the paths that are wanted.
    if (listing.ended() && !rest->empty()) {
      auto failed = fail(ErrorKind::protocol, "the node sends data that was not asked for");
      co_return failed;
    }
    co_await run_.observer.ready(run_.limit);
  }
  sources_ = listing.take();
  co_return Result<void>{};
}

/// Decides everything before anything is changed.
Result<void> PullNode::plan_work() {
  auto chosen =
      choose_wanted(plan_, sources_, tree_ ? &*tree_ : nullptr, job_.options.exclude, job_.options.checksum);
  if (!chosen) return std::unexpected(chosen.error());
  choice_ = std::move(*chosen);
  if (followed_ != nullptr && tree_) {
    // Follow brings the new bytes of these files by pull_tails().
    std::erase_if(choice_.files,
                  [this](const PullWant& want) { return has_grown(want, *followed_, *tree_); });
    choice_.bytes = 0;
    for (const auto& file : choice_.files) add_up(choice_.bytes, file.item.size);
  }
  for (const auto& path : choice_.skipped) note(path, "it is a device, pipe or socket");
  return {};
}

/// Files of the same size: which of them have the same content?
asio::awaitable<Result<void>> PullNode::compare_contents() {
  auto doubtful = std::exchange(choice_.doubtful, {});
  CO_TRY_AS(sums, co_await sums_on_node(run_, plan_.as_root, doubtful));
  for (auto& want : doubtful) {
    const auto theirs = sums->find(want.path);
    CO_TRY_AS(ours, co_await sum_here(*tree_, want.place, run_.limit));
    if (theirs != sums->end() && theirs->second == *ours)
      choice_.keep(std::move(want));
    else
      choice_.want(std::move(want));
  }
  co_return Result<void>{};
}

/// Checks that the wanted files are allowed and have room.
Result<void> PullNode::reserve() {
  counts_.unchanged = choice_.kept.size();
  if (auto room = look_for_room(plan_.folder, choice_.room); !room) return room;
  // job_.planned holds the bytes of all nodes that have reserved before this one.
  if (job_.options.max_size && choice_.bytes > left_of_max_size()) {
    return fail(ErrorKind::remote_io,
                fmt::format("it has {} to copy, more than --max-size {} leaves; nothing was copied from it",
                            format_bytes(choice_.bytes), format_bytes(*job_.options.max_size)));
  }
  reserved_ = choice_.bytes;
  add_up(job_.planned, reserved_);
  return {};
}

/// What a node that failed did not bring may come from others.
void PullNode::give_back() {
  const auto rest = reserved_ - std::min(reserved_, brought_);
  job_.planned -= std::min(job_.planned, rest);
}

std::uint64_t PullNode::left_of_max_size() const {
  const auto most = job_.options.max_size.value_or(std::numeric_limits<std::uint64_t>::max());
  return most - std::min(most, job_.planned);
}

Result<void> look_for_room(const std::filesystem::path& folder, std::uint64_t bytes) {
  std::error_code unknown;
  auto there = std::filesystem::absolute(folder, unknown);
  // A folder that is not there yet will lie on the disk of the nearest folder above it.
  while (!std::filesystem::exists(there, unknown) && there.has_relative_path()) there = there.parent_path();
  const auto space = std::filesystem::space(there, unknown);
  // If the disk does not say how much is free, writing shows it.
  if (unknown || space.capacity == 0 || bytes <= space.available) return {};
  return fail(ErrorKind::local_io,
              fmt::format("{} to copy, but only {} free in {}; nothing was copied from it",
                          format_bytes(bytes), format_bytes(space.available), printable(folder.string())));
}

std::unexpected<Error> PullNode::refusal() const {
  auto text = printable(choice_.refused.front()) + " is no file, no folder and no link to one";
  if (choice_.refused.size() > 1) text += fmt::format(" (and {} more)", choice_.refused.size() - 1);
  return fail(ErrorKind::remote_io, text + "; not copied");
}

/// For --dry-run: each file and its place, and the counts of a pull that succeeds.
void PullNode::tell_plan() {
  for (const auto& file : choice_.files) {
    run_.observer.on_line(run_.node, ssh::Stream::out,
                          fmt::format("{}  {}", format_bytes(file.item.size),
                                      printable((plan_.folder / file.place).lexically_normal().string())));
  }
  counts_.copied = choice_.files.size();
  counts_.bytes = choice_.bytes;
}

Result<void> PullNode::make_folders_and_links() {
  // Without the mark, the same pull after an interruption would go into the folder; sweep() removes it.
  const bool new_name = !choice_.folders.empty() && choice_.folders.front().place == plan_.rename;
  if (new_name) TRY(tree_->make_marked_folder(plan_.rename, plan_.mark));
  for (const auto& folder : choice_.folders) {
    if (auto made = tree_->make_folder(folder.place, attributes_of(folder.item)); !made) return made;
  }
  for (const auto& file : choice_.attributes) {
    if (auto set = tree_->set_attributes(file.place, attributes_of(file.item)); !set) return set;
  }
  for (const auto& link : choice_.links) {
    TRY_AS(made, tree_->make_link(link.place, link.item.link));
    if (!*made)
      note(link.path, "its link to " + printable(link.item.link) + " leads out of the pulled folder");
  }
  return {};
}

/// Takes the files for which this holds out of those that the archive brings.
std::vector<PullWant> PullNode::split_off(const std::function<bool(const PullWant&)>& wanted) {
  const auto first = std::stable_partition(choice_.files.begin(), choice_.files.end(),
                                           [&wanted](const PullWant& want) { return !wanted(want); });
  std::vector<PullWant> others(std::make_move_iterator(first), std::make_move_iterator(choice_.files.end()));
  choice_.files.erase(first, choice_.files.end());
  return others;
}

asio::awaitable<Result<ssh::ExitStatus>> PullNode::pull_unsized_files(std::vector<PullWant> files) {
  const auto progress = [this](std::uint64_t bytes) { add_bytes(bytes); };
  const auto keep = [this](std::string_view said) { complaints_.feed(said); };
  UnsizedFiles reader(files, *tree_, left_of_max_size(), progress);
  auto status = co_await pull_unsized(run_, plan_.as_root, reader, std::move(files), keep);
  auto judged = judge_end(status, {});
  if (judged && reader.arrived() < reader.asked())
    judged = fail(ErrorKind::protocol, "the node did not send all files of unknown size");
  co_return judged;
}

/// Asks for the files that are no big ones, and unpacks them as they come.
asio::awaitable<Result<ssh::ExitStatus>> PullNode::receive_archive(ssh::Channel& channel) {
  std::string names;
  for (const auto& file : choice_.files) names.append(file.path).push_back('\0');
  const auto executor = co_await asio::this_coro::executor;
  // Written while the archive is read, so neither side waits for the other one.
  const auto text = std::make_shared<const std::string>(std::move(names));
  const auto feeder = Feeder::over(executor, channel, text, nullptr);
  feeder->start();
  auto status = co_await unpack(channel);
  co_await feeder->finish();
  co_return status;
}

/// The exit status of tar alone proves nothing: the archive must have its end, and no file may be missing.
asio::awaitable<Result<ssh::ExitStatus>> PullNode::unpack(ssh::Channel& channel) {
  PullArchive archive(choice_.files, *tree_, room_for_archive(), followed_ != nullptr,
                      [this](std::uint64_t bytes) { add_bytes(bytes); });
  TarDecoder decoder(archive);
  for (;;) {
    CO_TRY_AS(chunk, co_await channel.read(run_.limit));
    if (!*chunk) break;
    if ((*chunk)->stream == ssh::Stream::err) {
      complaints_.feed((*chunk)->bytes);
      continue;
    }
    CO_TRY(decoder.feed((*chunk)->bytes));
    co_await run_.observer.ready(run_.limit);
  }
  for (const auto& path : archive.skipped()) note(path, "it is no file any more");
  const auto whole = choice_.files.empty() ? Result<void>{} : decoder.finish();
  auto judged = judge_end(channel.exit_status(), whole);
  // A wrapper of tar, or its TAR_OPTIONS, may leave files out without a word, so they are counted.
  if (const auto missing = archive.missing(); judged && !missing.empty()) {
    auto text = printable(missing.front()->path) + " did not come";
    if (missing.size() > 1) text += fmt::format(", nor did {} more", missing.size() - 1);
    judged = fail(ErrorKind::remote_io,
                  text + ", though tar there said nothing; see `command -v tar` and TAR_OPTIONS on the node");
  }
  co_return judged;
}

/// To the end of an archive of nothing.
asio::awaitable<Result<ssh::ExitStatus>> PullNode::drain(ssh::Channel& channel) {
  const auto keep = [this](const ssh::Chunk& chunk) {
    if (chunk.stream == ssh::Stream::err) complaints_.feed(chunk.bytes);
  };
  auto status = co_await read_to_end(channel, run_.limit, keep, run_.observer);
  auto judged = judge_end(status, {});
  co_return judged;
}

/// Files may have grown since they were listed; what the disk or --max-size has left bounds it.
std::uint64_t PullNode::room_for_archive() const {
  std::uint64_t listed = 0;
  for (const auto& file : choice_.files) add_up(listed, file.item.size);
  if (!job_.options.max_size) return std::numeric_limits<std::uint64_t>::max();
  add_up(listed, left_of_max_size());
  return listed;
}

/// The failure of tar is accepted only if it complains of nothing but files that changed meanwhile.
Result<ssh::ExitStatus> PullNode::judge_end(const Result<ssh::ExitStatus>& status,
                                            const Result<void>& whole) {
  if (!status) return status;
  // Each program of a pull is judged by its own complaints.
  auto complaints = std::exchange(complaints_, Complaints(&job_.options.exclude));
  complaints.end();
  const auto complaint = complaints.reason();
  const auto& changed = complaints.changed();
  const auto& shrunk = complaints.shrunk();
  if (!status->ok() && !complaints.excuses_failure()) {
    return fail(ErrorKind::remote_io, complaint.empty() ? "tar ended with " + status->describe() : complaint);
  }
  if (!whole) return std::unexpected(whole.error());
  for (const auto& name : changed.names) {
    if (++notes_ <= kMostNotes)
      say(fmt::format("{} changed while it was copied; pull again for the rest", printable(name)));
  }
  notes_ += changed.count - changed.names.size();
  if (shrunk.count > 0) {
    auto text = printable(shrunk.names.front()) +
                " changed while it was copied: it became shorter, and the copy ends in zeros";
    if (shrunk.count > 1) text += fmt::format(" (and {} more)", shrunk.count - 1);
    return fail(ErrorKind::remote_io, text + "; pull again");
  }
  return ssh::ExitStatus{};
}

/// The error for an end that came too early.
std::unexpected<Error> PullNode::judge(const Result<ssh::ExitStatus>& status, const std::string& otherwise) {
  if (!status) return std::unexpected(status.error());
  if (status->ok()) return fail(ErrorKind::protocol, otherwise);
  complaints_.end();
  auto complaint = complaints_.reason();
  if (complaint.empty()) complaint = "sh ended with " + status->describe();
  return fail(ErrorKind::remote_io, complaint + note_of_filled_source(complaint));
}

/// Nobody typed a name in which a placeholder was filled in, and a file's own name may look like one.
std::string PullNode::note_of_filled_source(const std::string& complaint) const {
  for (const auto& source : plan_.sources)
    if (!source.filled_in.empty() && complaint.find(printable(source.name)) != std::string::npos)
      return source.filled_in;
  return {};
}

/// Compares the listing with the folder once more: the files that are equal now are here.
void PullNode::remember() {
  const auto now = choose_wanted(plan_, sources_, &*tree_, job_.options.exclude);
  if (!now) return;
  for (const auto& kept : now->kept) (*followed_)[kept.place] = {kept.inode, kept.size};
}

/// What earlier runs left half-written, in all folders that this one has seen.
void PullNode::sweep() {
  for (const auto& folder : choice_.folders) choice_.holders.insert(folder.place);
  for (const auto& folder : choice_.holders) tree_->sweep(folder);
}

void PullNode::add_bytes(std::uint64_t bytes) {
  counts_.bytes += bytes;
  brought_ += bytes;
  run_.observer.on_bytes(run_.node, bytes);
}
void PullNode::note(std::string_view name, std::string_view why) {
  if (++notes_ <= kMostNotes) say(fmt::format("skipped {}: {}", printable(name), why));
}
void PullNode::say(const std::string& words) {
  run_.observer.on_line(run_.node, ssh::Stream::err, words);
}

}  // namespace ec2mpi::ops
