#include "ec2mpi/cluster/config.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/file_trust.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cluster/values/address.hpp"
#include "src/cluster/read_toml.hpp"

namespace ec2mpi {

namespace {

constexpr std::int64_t kMostRanks = 1'000'000;
constexpr double kMostSeconds = 1e8;  // as for the flag
/// For an instance and an hour; the dearest one costs some hundreds.
constexpr double kMostMoney = 1e6;
constexpr std::size_t kLongestConfig = 256UL * 1024;

/// Walks one TOML document and remembers the first thing that is wrong.
class SettingsReader {
 public:
  explicit SettingsReader(std::string_view source) : source_(source) {}

  using Setter = std::function<void(const toml::node&)>;
  using Keys = std::map<std::string_view, Setter>;

  /// An unknown key is an error: otherwise a misspelt setting would be ignored without a word. `flags` are
  /// those of `run` that are no keys.
  void table(const toml::table& table, std::string_view where, const Keys& keys,
             const std::set<std::string_view>& flags = {}) {
    for (const auto& [key, value] : table) {
      const auto known = keys.find(key.str());
      if (known != keys.end())
        within(key.str(), [&] { known->second(value); });
      else if (flags.contains(key.str()))
        tell(value, fmt::format("{} is not a setting{}, but a flag: ec2mpi run --{}", key.str(), where,
                                with_dashes(key.str())));
      else if (key.str() == "hang" || key.str() == "end_signal")
        tell(value, fmt::format("{} is not a setting{}, but one of [jobs], for all jobs", key.str(), where));
      else
        tell(value,
             fmt::format("'{}' is not a setting{}; known are: {}", printable(key.str()), where, names(keys)));
    }
  }

  /// Every entry of a table whose keys are the user's own names.
  void each(const toml::node& node, const std::function<void(const std::string&, const toml::node&)>& visit) {
    if (const auto* table = node.as_table()) {
      for (const auto& [key, value] : *table) {
        const std::string name(key.str());
        within(name, [&, &entry = value] { visit(name, entry); });
      }
    } else {
      complain(node, "must be a table");
    }
  }

  template <class T>
  /// T: a string, or an optional one for settings that may be left out.
  void text(const toml::node& node, T& target) {
    // Exact types here and below: 22 is no text, and "22" is no number.
    if (const auto value = node.value_exact<std::string>())
      target = *value;
    else
      complain(node, "must be a text in quotes");
  }

  /// A name that begins with a dash would be an option where ssh or a shell reads it.
  void user(const toml::node& node, std::optional<std::string>& target) {
    text(node, target);
    if (target && !is_user_name(*target))
      complain(node, fmt::format("'{}' is not a user name", printable(*target)));
  }

  template <class T>
  void number(const toml::node& node, T& target, std::int64_t least, std::int64_t most) {
    const auto value = node.value_exact<std::int64_t>();
    if (value && *value >= least && *value <= most)
      target = static_cast<T>(*value);
    else
      complain(node, fmt::format("must be a whole number from {} to {}", least, most));
  }

  /// A number, or a formula that may ask for parameters.
  void formula(const toml::node& node, std::string& target, std::int64_t most) {
    std::int64_t value = 0;
    if (const auto text = node.value_exact<std::string>()) {
      // With names in it, the formula gets its value only when a job starts.
      target = *text;
      if (!names_in(target).empty()) return;
      const auto number = evaluate(target, {});
      if (!number)
        complain(node, number.error().message);
      else if (*number < 1 || *number > most)
        complain(node, fmt::format("must be from 1 to {}, and is {}", most, *number));
    } else {
      number(node, value, 1, most);
      target = std::to_string(value);
    }
  }

  /// Money.
  void amount(const toml::node& node, double& target) {
    // Not exact: a whole number is a price, too.
    const auto value = node.value<double>();
    if (value && *value >= 0 && *value <= kMostMoney)
      target = *value;
    else
      complain(node, "must be a number, 0 or more, below a million");
  }

  void yes_or_no(const toml::node& node, bool& target) {
    if (const auto value = node.value_exact<bool>())
      target = *value;
    else
      complain(node, "must be true or false");
  }

  /// The value of the key that is being read is wrong.
  void complain(const toml::node& node, const std::string& what) {
    tell(node, fmt::format("{}: {}", printable(key_), what));
  }

  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  /// While `read` runs, key_ names the place of its value: "jobs.spread.np".
  template <class Read>
  void within(std::string_view key, const Read& read) {
    const auto outer = key_;
    key_ += (key_.empty() ? "" : ".") + std::string(key);
    read();
    key_ = outer;
  }

  void tell(const toml::node& node, const std::string& what) {
    // The first error counts: later ones may follow from it.
    if (!error_)
      error_ = Error{ErrorKind::usage, fmt::format("{}:{}: {}", source_, node.source().begin.line, what)};
  }

  static std::string with_dashes(std::string_view key) {
    std::string flag(key);
    std::ranges::replace(flag, '_', '-');
    return flag;
  }

  static std::string names(const Keys& keys) {
    std::string all;
    for (const auto& [name, setter] : keys) all += (all.empty() ? "" : ", ") + std::string(name);
    return all;
  }

  std::string source_;
  std::string key_;  ///< as "jobs.spread.np"
  std::optional<Error> error_;
};

/// A text is cut at blanks, and no shell ever reads it; so shell characters in it are an error.
void read_command(SettingsReader& reader, const toml::node& node, std::vector<std::string>& command) {
  if (const auto line = node.value_exact<std::string>()) {
    for (const auto word : words(*line)) command.emplace_back(word);
    if (line->find_first_of("$`|&;<>*?") != std::string::npos) {
      reader.complain(node, "has shell characters; for a shell: command = [\"sh\", \"-c\", \"a && b\"]");
    } else if (line->find_first_of("'\"\\") != std::string::npos) {
      reader.complain(node, "has quotes; write it as a list of words: command = [\"python3\", \"a b.py\"]");
    }
  } else if (const auto* list = node.as_array()) {
    for (const auto& item : *list) reader.text(item, command.emplace_back());
  } else {
    reader.complain(node, "must be a text or a list of texts");
  }
  if (command.empty() || command.front().empty()) reader.complain(node, "is empty");
}

/// A number counts seconds; a text has the form of --persist.
void read_persist(SettingsReader& reader, const toml::node& node,
                  std::optional<std::chrono::seconds>& persist) {
  std::string text;
  if (const auto number = node.value_exact<std::int64_t>())
    text = std::to_string(*number);
  else
    reader.text(node, text);
  auto parsed = parse_persist(text);
  if (parsed)
    persist = *parsed;
  else
    reader.complain(node, parsed.error().message);
}

/// One text is a list of one.
void read_texts(SettingsReader& reader, const toml::node& node, std::vector<std::string>& texts) {
  if (const auto* list = node.as_array()) {
    for (const auto& item : *list) reader.text(item, texts.emplace_back());
  } else {
    reader.text(node, texts.emplace_back());
  }
}

/// One value of a list, as it is written: in a list a text is itself, `"1..5"` too.
std::optional<std::string> sweep_value(const toml::node& node) {
  if (const auto text = node.value_exact<std::string>()) return *text;
  if (const auto number = node.value_exact<std::int64_t>()) return std::to_string(*number);
  if (const auto number = node.value_exact<double>()) return fmt::format("{}", *number);
  if (const auto yes = node.value_exact<bool>()) return *yes ? "true" : "false";
  return std::nullopt;
}

/// A text lists values as --set does, "1..5"; an array holds them as they are.
void read_sweep_values(SettingsReader& reader, const std::string& name, const toml::node& node,
                       Sweep& sweep) {
  Result<std::vector<std::string>> values;
  if (const auto text = node.value_exact<std::string>()) {
    values = parse_values(*text);
  } else {
    const auto* list = node.as_array();
    // A single number or truth value is a list of one; a table is none.
    for (std::size_t i = 0; i < (list != nullptr ? list->size() : 1); ++i) {
      const auto value = sweep_value(list != nullptr ? *list->get(i) : node);
      if (!value)
        return reader.complain(node, "must be a list of numbers and texts, or a text like \"1..5\"");
      values->push_back(*value);
    }
    if (auto good = check_values(*values); !good) values = std::unexpected(good.error());
  }
  if (!is_identifier(name))
    return reader.complain(node, fmt::format("'{}' is no name for a parameter", printable(name)));
  if (!values) return reader.complain(node, values.error().message);
  sweep = {name, std::move(*values)};
}

/// In the order of the file, for the first parameter changes slowest.
void read_sweep(SettingsReader& reader, const toml::node& node, std::vector<Sweep>& sweeps) {
  std::vector<std::pair<toml::source_position, Sweep>> found;
  reader.each(node, [&](const auto& name, const auto& value) {
    auto& [place, sweep] = found.emplace_back();
    place = value.source().begin;
    read_sweep_values(reader, name, value, sweep);
  });
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (auto& [place, sweep] : found) sweeps.push_back(std::move(sweep));
}

/// The nodes run it without a search in their PATH.
void read_mpirun(SettingsReader& reader, const toml::node& node, std::optional<std::string>& mpirun) {
  reader.text(node, mpirun);
  if (mpirun && !mpirun->starts_with('/'))
    reader.complain(node, fmt::format("must be a full path on the nodes, not '{}'", printable(*mpirun)));
}

/// mpirun passes USR1 and USR2 on to the ranks; TERM ends the job.
void read_end_signal(SettingsReader& reader, const toml::node& node, std::optional<std::string>& signal) {
  const auto name = node.value_exact<std::string>();
  if (name == "TERM" || name == "USR1" || name == "USR2")
    signal = *name;
  else
    reader.complain(node, "must be \"TERM\", \"USR1\" or \"USR2\"");
}

/// [jobs.NAME]. Errors go to the reader, which keeps the first one; the job is then of no use.
JobSpec read_job(SettingsReader& reader, const std::string& name, const toml::node& node) {
  JobSpec job;
  const auto* table = node.as_table();
  if (table == nullptr) {
    reader.complain(node, "must be a table [jobs.NAME]; the settings of [jobs] itself are end_signal, hang");
    return job;
  }
  const auto set_env = [&](const std::string& variable, const toml::node& value) {
    // The job's script exports variables by name, and other text would be code there; TOML allows any.
    if (!is_identifier(variable))
      return reader.complain(value, fmt::format("'{}' is not a variable's name", printable(variable)));
    reader.text(value, job.env[variable]);
  };
  reader.table(
      *table, fmt::format(" of [jobs.{}]", printable(name)),
      {{"command", [&](const auto& value) { read_command(reader, value, job.command); }},
       {"np", [&](const auto& value) { reader.formula(value, job.formulas.np, kMostRanks); }},
       {"per_node", [&](const auto& value) { reader.formula(value, job.formulas.per_node, kMostRanks); }},
       {"nodes", [&](const auto& value) { reader.formula(value, job.formulas.nodes, kMostRanks); }},
       {"push", [&](const auto& value) { read_texts(reader, value, job.push); }},
       {"pull", [&](const auto& value) { read_texts(reader, value, job.pull); }},
       {"workdir", [&](const auto& value) { reader.text(value, job.workdir); }},
       {"env", [&](const auto& value) { reader.each(value, set_env); }},
       {"profile", [&](const auto& value) { reader.yes_or_no(value, job.profile); }},
       {"sweep", [&](const auto& value) { read_sweep(reader, value, job.sweep); }}},
      {"timeout", "mca", "slots", "tag", "spawn", "map_by", "rank_by", "then", "guard"});
  if (job.command.empty()) reader.complain(node, "has no command");
  return job;
}

}  // namespace

Result<std::chrono::seconds> parse_persist(std::string_view text) {
  constexpr double kMost = 1e9;  // endless for people, and no sum overflows
  const auto seconds = parse_seconds(text);
  if (!seconds || *seconds > kMost || *seconds != std::floor(*seconds))
    return fail(ErrorKind::usage,
                fmt::format("'{}' is not a time; write 600, 90s, 10m or 2h, or 0 for none", printable(text)));
  return std::chrono::seconds(static_cast<std::int64_t>(*seconds));
}

/// Settings of this folder win over those of the user.
void Config::fill_from(const Config& fallback) {
  const auto fill = [](auto& mine, const auto& theirs) {
    if (!mine) mine = theirs;
  };
  fill(list, fallback.list);
  fill(identity, fallback.identity);
  fill(user, fallback.user);
  fill(port, fallback.port);
  fill(connect_timeout, fallback.connect_timeout);
  fill(persist, fallback.persist);
  fill(mpirun, fallback.mpirun);
  fill(end_signal, fallback.end_signal);
  fill(hang, fallback.hang);
  fill(done_hook, fallback.done_hook);
  // Whole entries: a job here hides the other file's job of the same name.
  groups.insert(fallback.groups.begin(), fallback.groups.end());
  prices.insert(fallback.prices.begin(), fallback.prices.end());
  jobs.insert(fallback.jobs.begin(), fallback.jobs.end());
}

/// The table of all settings: a key that is not in it is an error, which lists the known ones.
Result<Config> parse_config(std::string_view text, std::string_view source) {
  TRY_AS(parsed, read_toml(text, source));
  Config config;
  SettingsReader reader(source);
  reader.table(*parsed, "",
               {{"list", [&](const auto& value) { reader.text(value, config.list); }},
                {"identity", [&](const auto& value) { reader.text(value, config.identity); }},
                {"user", [&](const auto& value) { reader.user(value, config.user); }},
                {"port", [&](const auto& value) { reader.number(value, config.port, 1, 65535); }},
                {"mpirun", [&](const auto& value) { read_mpirun(reader, value, config.mpirun); }},
                {"persist", [&](const auto& value) { read_persist(reader, value, config.persist); }},
                {"connect_timeout",
                 [&](const auto& value) {
                   const auto seconds = value.template value<double>();
                   if (seconds && *seconds > 0 && *seconds <= kMostSeconds)
                     config.connect_timeout = *seconds;
                   else
                     reader.complain(value, "must be a number of seconds above 0, and at most 1e8");
                 }},
                {"hooks",
                 [&](const auto& value) {
                   reader.each(value, [&](const auto& name, const auto& hook) {
                     if (name == "done")
                       reader.text(hook, config.done_hook);
                     else
                       reader.complain(hook, "is not a hook; there is only done");
                   });
                 }},
                {"groups",
                 [&](const auto& value) {
                   reader.each(value, [&](const auto& name, const auto& selection) {
                     reader.text(selection, config.groups[name]);
                   });
                 }},
                {"prices",
                 [&](const auto& value) {
                   reader.each(value, [&](const auto& type, const auto& price) {
                     reader.amount(price, config.prices[type]);
                   });
                 }},
                {"jobs", [&](const auto& value) {
                   reader.each(value, [&](const auto& name, const auto& job) {
                     // [jobs] holds these settings beside the jobs; a table is a job.
                     if (name == "end_signal" && !job.is_table())
                       read_end_signal(reader, job, config.end_signal);
                     else if (name == "hang" && !job.is_table())
                       read_persist(reader, job, config.hang);
                     else
                       config.jobs[name] = read_job(reader, name, job);
                   });
                 }}});
  if (reader.error()) return std::unexpected(*reader.error());
  return config;
}

Result<Config> load_config(const std::filesystem::path& file) {
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) {
    if (!std::filesystem::is_symlink(file, ignored)) return Config{};
    return fail(
        ErrorKind::usage,
        fmt::format("cannot read {}: it is a link to {}, which is not there", printable(file.string()),
                    printable(std::filesystem::read_symlink(file, ignored).string())));
  }
  TRY_AS(text, read_settings(file, kLongestConfig, "",
                             "if you trust it, work in a folder of your own with a copy"));
  return parse_config(*text, printable(file.string()));
}

}  // namespace ec2mpi
