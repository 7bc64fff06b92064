// Logs in memory: the smallest MessageLog that keeps every promise but the one to survive. For tests, which can make it
// late, full, broken or damaged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <asio/any_io_executor.hpp>

#include "message_log/log_store.hpp"
#include "message_log/message_log.hpp"

namespace leveret {

/// What a log in memory keeps; goes on existing when the log is closed, as a file would.
struct MemoryLogContent {
    struct Stored {
        std::vector<std::byte> bytes;
        bool is_damaged = false;
        [[nodiscard]] RecordView record() const noexcept { return RecordView(bytes.data()); }
    };
    struct Segment {
        Offset first{};
        std::uint64_t bytes = 0;
        std::optional<Timestamp> last{};
    };
    std::deque<Stored> records;
    std::deque<Segment> segments;
    std::optional<Timestamp> last_timestamp;
    Offset trimmed{};  ///< records below it are gone, also where their segment is not
    Offset end{};
    Offset synced{};
    std::vector<EpochStart> epochs;
    bool is_open = false;
    bool was_closed = true;
};

/// Carries every call out before it returns, and then calls back: at once, through the executor if there is one, or
/// when a test lets it. Thread-safe.
class MemoryLog final : public MessageLog {
  public:
    static constexpr std::uint64_t room_unlimited = ~std::uint64_t{0};

    struct Options {
        asio::any_io_executor executor{};  ///< empty: callbacks are called before the call returns
        std::uint64_t segment_bytes = std::uint64_t{64} << 10U;
        std::uint64_t room_bytes = room_unlimited;  ///< for records; reserve() beyond it answers disk_full
    };

    explicit MemoryLog(Options options, std::shared_ptr<MemoryLogContent> content = make_content());
    ~MemoryLog() override;
    MemoryLog(const MemoryLog&) = delete;
    MemoryLog& operator=(const MemoryLog&) = delete;

    [[nodiscard]] bool reserve(std::uint64_t bytes, Done done) override;
    void unreserve(std::uint64_t bytes) override;
    void append(std::span<const Bytes> runs, Sync sync, AppendDone done) override;
    void sync(Done done) override;
    void read(Offset from, std::span<std::byte> into, ReadDone done) override;
    void find_time(Timestamp time, FindDone done) override;
    void trim(Offset before, Done done) override;
    void close(Done done) override;
    [[nodiscard]] LogExtent extent() const override;

    // For tests.

    /// Callbacks wait from now on, in their order.
    void hold();
    /// Lets the first `count` of those that wait go; those that are called meanwhile wait behind them.
    void release(std::size_t count = 1);
    /// Lets all go, and no more are held.
    void release_all();
    [[nodiscard]] std::size_t held() const;
    /// The next append keeps nothing and stops the log, as a failed write does.
    void fail_next_append();
    void set_room(std::uint64_t bytes);
    /// reserve() asks for room even where there is some, as a log does that has to ask the disk.
    void set_reserve_asks(bool asks);
    /// The record at `offset` cannot be read any more.
    void damage(Offset offset);

    [[nodiscard]] static std::shared_ptr<MemoryLogContent> make_content();

  private:
    using Callback = std::function<void()>;

    void answer(Callback callback);
    void keep(RecordView record);
    [[nodiscard]] Offset first() const noexcept;
    [[nodiscard]] LogRead copy(Offset from, std::span<std::byte> into) const;
    [[nodiscard]] bool has_stopped() const noexcept { return has_failed_ || !content_->is_open; }
    [[nodiscard]] std::error_code state() const noexcept;

    const Options options_;
    mutable std::mutex mutex_;  // guards everything below, the content too
    const std::shared_ptr<MemoryLogContent> content_;
    std::uint64_t room_bytes_;
    bool reserve_asks_ = false;
    bool fails_next_append_ = false;
    bool has_failed_ = false;
    bool holds_ = false;
    std::deque<Callback> held_;
};

/// Keeps logs for as long as it lives itself. Outlives its logs. Thread-safe.
class MemoryLogStore final : public LogStore {
  public:
    explicit MemoryLogStore(MemoryLog::Options options) : options_(std::move(options)) {}

    [[nodiscard]] Result<OpenedLog> create(const TopicId& topic, PartitionId partition,
                                           const LogSettings& settings) override;
    [[nodiscard]] Result<OpenedLog> open(const TopicId& topic, PartitionId partition,
                                         const LogSettings& settings) override;
    [[nodiscard]] std::error_code remove(const TopicId& topic) override;

  private:
    using Key = std::pair<std::array<std::uint8_t, 16>, PartitionId>;

    [[nodiscard]] OpenedLog open_content(const std::shared_ptr<MemoryLogContent>& content, const LogRecovery& recovery);

    const MemoryLog::Options options_;
    std::mutex mutex_;  // guards contents_
    std::map<Key, std::shared_ptr<MemoryLogContent>> contents_;
};

}  // namespace leveret
