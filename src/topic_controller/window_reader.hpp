// Reads the end of a log once, to fill a compaction window after a restart.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "message_log/message_log.hpp"
#include "topic_controller/catch_up.hpp"

namespace leveret {

/// Calls `remember` with every record of `log` stamped at or after `begin` and below `end`, in order, then `done`; both
/// on the log's threads. Keeps itself alive until then.
class WindowReader final : public TopicWaiter {
  public:
    using Remember = std::function<void(RecordView)>;

    WindowReader(CatchUpMemory& memory, std::shared_ptr<MessageLog> log, Timestamp begin, Offset end, Remember remember,
                 MessageLog::Done done)
        : memory_(memory),
          log_(std::move(log)),
          begin_(begin),
          end_(end),
          remember_(std::move(remember)),
          done_(std::move(done)) {}

    void start();
    /// There may be memory now.
    void wake() noexcept override { start(); }

  private:
    [[nodiscard]] std::shared_ptr<WindowReader> self();
    void read(Offset from);
    void take(Offset from, const Result<LogRead>& read);

    CatchUpMemory& memory_;
    const std::shared_ptr<MessageLog> log_;
    const Timestamp begin_;
    const Offset end_;
    const Remember remember_;
    const MessageLog::Done done_;
    std::size_t wanted_bytes_ = 256U << 10U;
    std::optional<Offset> next_;  // nothing before the first read
    BlockPin block_;
    std::shared_ptr<WindowReader> waits_;  // itself, while it waits for memory
};

}  // namespace leveret
