// A partition's log in segment files: the queue in front of SegmentWriter and SegmentReader.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include <asio/any_io_executor.hpp>
#include <asio/strand.hpp>

#include "message_log/segment/segment_reader.hpp"
#include "message_log/segment/segment_writer.hpp"

namespace leveret {

/// What a log begins with.
struct SegmentLogStart {
    PartitionMeta meta;
    SegmentList::Start segments;
};

/// One handler at most waits or runs for a log; it carries out everything that has come together until then, so that
/// one write and one sync serve many appends. Between them an idle log has no thread, timer or handler. A short append
/// to an idle log is carried out by its caller, where ThreadLender lends the thread.
class SegmentLog final : public MessageLog {
  public:
    SegmentLog(std::unique_ptr<PartitionPlace> place, SegmentLogStart start);
    ~SegmentLog() override;
    SegmentLog(const SegmentLog&) = delete;
    SegmentLog& operator=(const SegmentLog&) = delete;

    [[nodiscard]] bool reserve(std::uint64_t bytes, Done done) override;
    void unreserve(std::uint64_t bytes) override;
    void append(std::span<const Bytes> runs, Sync sync, AppendDone done) override;
    void sync(Done done) override;
    void read(Offset from, std::span<std::byte> into, ReadDone done) override;
    void find_time(Timestamp time, FindDone done) override;
    void trim(Offset before, Done done) override;
    void close(Done done) override;
    [[nodiscard]] LogExtent extent() const override;

  private:
    // Handlers that are under way keep it, also where the log is let go of without close().
    class Core;
    std::shared_ptr<Core> core_;
};

}  // namespace leveret
