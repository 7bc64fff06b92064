// A broker's hour in which one call fails, for each call of it.
#include <algorithm>
#include <set>

#include <catch2/catch.hpp>

#include "restart.hpp"
#include "sampling.hpp"
#include "workload.hpp"

using namespace leveret;
using namespace leveret::test;

namespace {

using Kind = Operation::Kind;
using Troubles = std::vector<std::string>;

std::error_code io_error() {
    return std::make_error_code(std::errc::io_error);
}

std::uint64_t calls_of_the_workload() {
    History history;
    StoredLogs logs({}, 1);
    Workload(logs, history).run();
    const auto& operations = logs.files.operations();
    return static_cast<std::uint64_t>(
        std::count_if(operations.begin(), operations.end(),
                      [](const Operation& operation) { return operation.kind != Kind::close; }));
}

/// The workload with a fault in it, and a restart afterwards.
class FaultyRun {
  public:
    explicit FaultyRun(const Fault& fault) {
        logs_.files.fail(fault);
        workload_.run();
    }

    [[nodiscard]] const std::optional<Operation>& failed_call() const { return logs_.files.failed_call(); }
    [[nodiscard]] const std::vector<Workload::Failure>& failures() const { return workload_.failures(); }

    /// What must never be; empty, or the first of it.
    std::string trouble() {
        if (!workload_.wrongs().empty()) {
            return workload_.wrongs().front();
        }
        const Moment end = logs_.files.operations().size();
        for (const Unsynced unsynced : {Unsynced::kept, Unsynced::lost}) {
            const Restart restart{.disk = logs_.files.disk().after({.unsynced = unsynced}),
                                  .moment = end,
                                  .had_power = unsynced == Unsynced::kept};
            if (auto trouble = trouble_after(restart, history_); !trouble.empty()) {
                return trouble;
            }
        }
        return {};
    }

    /// The topic in whose directory the call failed; empty for what all topics share.
    [[nodiscard]] std::string failed_topic() const {
        for (const auto& [name, topic] : history_.topics) {
            if (failed_call()->path.starts_with(TopicCatalogue::directory_of(topic.id))) {
                return name;
            }
        }
        return {};
    }

  private:
    History history_;
    StoredLogs logs_{{}, 1};
    Workload workload_{logs_, history_};
};

std::string words(const Operation& call) {
    return "call kind " + std::to_string(static_cast<int>(call.kind)) + " on " + call.path;
}

/// Runs the workload once for each of its calls, failing that call; `judge` adds what it does not like.
template <class Judge>
Troubles troubles_of_each(Fault fault, Judge judge) {
    Troubles troubles;
    const std::uint64_t calls = calls_of_the_workload();
    std::uint64_t failed = 0;
    for (std::uint64_t call = 1; call <= calls; call += one_in) {
        fault.call = call;
        FaultyRun run(fault);
        if (!run.failed_call()) {
            troubles.push_back("call " + std::to_string(call) + " has not come");
            continue;
        }
        ++failed;
        std::string trouble = run.trouble();
        if (trouble.empty()) {
            trouble = judge(run);
        }
        if (!trouble.empty()) {
            troubles.push_back("call " + std::to_string(call) + ", " + words(*run.failed_call()) + ": " + trouble);
        }
    }
    CHECK(failed > 300 / one_in);
    if (troubles.size() > 5) {
        troubles.push_back("of " + std::to_string(troubles.size()));
        troubles.erase(troubles.begin() + 5, troubles.end() - 1);
    }
    return troubles;
}

/// Nothing beyond the topic that was hit: steps of other topics have succeeded.
std::string spread(const FaultyRun& run) {
    const std::string topic = run.failed_topic();
    std::set<std::string> hit;
    for (const auto& failure : run.failures()) {
        hit.insert(failure.topic);
        if (!topic.empty() && failure.topic != topic) {
            return failure.topic + ": " + failure.step + " has failed: " + failure.error.message();
        }
    }
    return hit.size() > 1 ? "more than one topic has failed" : "";
}

bool is_record_file(const Operation& call) {
    return call.path.ends_with(".log");
}

/// A failed write or sync of records has to be told.
std::string kept_quiet(const FaultyRun& run) {
    const Operation& call = *run.failed_call();
    const bool is_serious = is_record_file(call) && (call.kind == Kind::write || call.kind == Kind::sync);
    return is_serious && run.failures().empty() ? "nobody was told" : "";
}

std::string first_failure(const FaultyRun& run) {
    return run.failures().empty() ? ""
                                  : run.failures().front().topic + ": " + run.failures().front().step + " has failed";
}

}  // namespace

TEST_CASE("Failing calls: after EIO in any call nothing that was acknowledged is lost, and only one log stops") {
    CHECK(troubles_of_each({.error = io_error()}, [](const FaultyRun& run) {
              const std::string trouble = spread(run);
              return trouble.empty() ? kept_quiet(run) : trouble;
          }) == Troubles{});
}

TEST_CASE("Failing calls: after ENOSPC in any call nothing that was acknowledged is lost, and only one log is hit") {
    CHECK(troubles_of_each({.error = std::make_error_code(std::errc::no_space_on_device)}, spread) == Troubles{});
}

TEST_CASE("Failing calls: a call that a signal interrupts is made again") {
    CHECK(troubles_of_each({.error = std::make_error_code(std::errc::interrupted)}, first_failure) == Troubles{});
}

TEST_CASE("Failing calls: a short count is no failure") {
    CHECK(troubles_of_each({}, first_failure) == Troubles{});
}

TEST_CASE("Failing calls: a write that fails half-way leaves no part of a batch") {
    CHECK(troubles_of_each({.then = io_error()}, spread) == Troubles{});
}
