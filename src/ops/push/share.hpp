#pragma once
/// One archive and the nodes that get it: the feeder of each, and what its script must do for that.

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ec2mpi/base/event.hpp"
#include "ec2mpi/base/limit.hpp"
#include "ec2mpi/cluster/values/node.hpp"
#include "ec2mpi/ops/push/push.hpp"
#include "src/ops/push/feeders.hpp"
#include "src/ops/push/plan.hpp"
#include "src/ops/push/stream.hpp"

namespace ec2mpi::ops {

/// A node that asks for its files.
struct Candidate {
  Node node;
  std::string address;  ///< where other nodes reach it
  std::string stage;
  Unpackers unpackers = {};
  std::uint64_t room = 0;  ///< bytes free, if it can hold the archive and feed others
  const PushNeed* need = nullptr;
  std::shared_ptr<Event> news = nullptr;  ///< notified when there is something to do
};

/// All nodes of it report here, and each takes its own orders from here.
class Share {
 public:
  Share(std::shared_ptr<const SourceTree> tree, PushContent content, Unpackers formats, FeederRules rules,
        PushCount& count);

  /// A stream of the archive from its beginning. All of them give the same bytes, unless files change.
  [[nodiscard]] std::unique_ptr<PushStream> open_stream() const;
  [[nodiscard]] const PushContent& content() const { return content_; }
  [[nodiscard]] const Unpackers& formats() const { return formats_; }
  /// About how many bytes are sent.
  [[nodiscard]] std::uint64_t expected() const;

  /// `to_come`: nodes that have not asked yet. Returns the node's number here.
  std::size_t add(const Candidate& candidate, std::size_t to_come);
  /// The node's script can receive.
  void begin(std::size_t node);

  // What the nodes report.
  void note_word(std::size_t node) { members_[node].heard = Clock::now(); }
  /// The number of bytes that have arrived, about.
  void note_progress(std::size_t node, std::uint64_t bytes);
  /// "3 1200 REASON": its third feeding ended, and exactly this many bytes have arrived. A reason stands
  /// there if its ssh to the feeder failed.
  void note_end(std::size_t node, std::string_view word);
  /// All files are in place.
  void note_done(std::size_t node);
  /// It has failed, or its script has ended: it feeds no node any longer.
  void note_gone(std::size_t node);
  /// An upload to the node ended. `whole` is the stream, if that has come to its end.
  void note_upload(std::size_t node, std::uint64_t position, std::unique_ptr<PushStream> whole);

  /// Gives feeders to nodes that need another one. To be called at least once a second.
  void look();

  // The orders for a node.
  /// Shell text for its script, or "".
  [[nodiscard]] std::string take_order(std::size_t node);
  [[nodiscard]] bool wants_upload(std::size_t node) const;
  [[nodiscard]] bool has_all(std::size_t node) const;
  /// The first byte of the upload that it wants. The reports of a node are no measure for that.
  [[nodiscard]] std::uint64_t upload_from(std::size_t node) const { return members_[node].began_at; }
  [[nodiscard]] bool stores(std::size_t node) const { return members_[node].state.stores; }
  /// Why no node feeds this one, if none will; else "".
  [[nodiscard]] std::string why_out_of_reach(std::size_t node) const;

  /// Whether a node other than `but` is not done.
  [[nodiscard]] bool is_in_use(std::size_t but) const;
  /// A node that asks now can get the archive from another one.
  [[nodiscard]] bool is_open() const;
  [[nodiscard]] std::size_t size() const { return members_.size(); }
  [[nodiscard]] Clock::time_point heard(std::size_t node) const { return members_[node].heard; }
  /// When another node last reported.
  [[nodiscard]] Clock::time_point heard_from_others(std::size_t node) const;

  /// The archive as it was sent, once some upload has come to its end; else null.
  [[nodiscard]] const PushStream* whole() const { return whole_.get(); }

 private:
  struct Member {
    Candidate candidate;
    NodeState state;
    int feeding = 0;                      ///< its number, as the node's script knows it
    std::size_t source = kLaptop;         ///< its feeder, until the next one begins
    std::uint64_t began_at = 0;           ///< its first byte
    std::uint64_t from_nodes = 0;         ///< bytes that came from other nodes
    std::uint64_t from_nodes_before = 0;  ///< those of earlier feedings
    std::string unlinked = {};            ///< why the last feeder could not reach it
    std::deque<std::string> orders = {};
    Clock::time_point heard = Clock::now();
    Clock::time_point grew = Clock::now();
    Clock::time_point fed = Clock::now();
    std::deque<std::pair<Clock::time_point, std::uint64_t>> history = {};  ///< offsets of the last seconds

    [[nodiscard]] std::uint64_t offset_at(Clock::time_point time) const;
  };

  void note_refused(Member& member, std::size_t feeder, std::string_view reason) const;
  [[nodiscard]] static bool is_getting(const Member& member);
  void order(std::size_t node, std::string text);
  void point(std::size_t node, std::size_t feeder);
  void connect(std::size_t node);
  void detach(std::size_t node);
  void take_offset(std::size_t node, std::uint64_t offset);
  void set_offset(Member& member, std::uint64_t offset);
  void update_states(Clock::time_point now);
  [[nodiscard]] bool is_next_feeder_well(std::size_t node) const;
  [[nodiscard]] bool is_upload_slow(Clock::time_point now);
  void count_inside(Member& member) const;
  /// Of the whole archive; 0 while that is not known.
  [[nodiscard]] std::uint64_t bytes() const { return whole_ ? whole_->size() : 0; }
  /// The shell text by which a script learns the size.
  [[nodiscard]] std::string size_text() const;

  std::shared_ptr<const SourceTree> tree_;
  PushContent content_;
  Unpackers formats_;
  FeederRules rules_;
  PushCount& count_;
  std::vector<Member> members_;
  Clock::time_point looked_ = {};
  bool changed_states_ = false;
  Clock::time_point next_try_ = Clock::now();  ///< of a second upload
  std::unique_ptr<PushStream> whole_ = {};     ///< see whole()
};

}  // namespace ec2mpi::ops
