#include <asio/io_context.hpp>

#include "log_contract.hpp"
#include "message_log/segment/segment_store.hpp"
#include "temporary_directory.hpp"

namespace leveret::test {
namespace {

class SegmentLogUnderTest final : public LogUnderTest {
  public:
    SegmentLogUnderTest() { log_ = std::move(store_->create(topic_, {}, {}).value().log); }

    MessageLog& log() override { return *log_; }
    void run() override {
        io_.restart();
        io_.run();
    }
    void reopen() override {
        log_.reset();
        log_ = std::move(store_->open(topic_, {}, {}).value().log);
    }

  private:
    TemporaryDirectory directory_;
    std::unique_ptr<Files> files_ = make_posix_files(directory_.path());
    asio::io_context io_;
    Counters counters_;
    TopicId topic_{{1}};
    std::unique_ptr<LogStore> store_ =
        make_segment_store(*files_, {io_.get_executor(), io_.get_executor()}, counters_,
                           {.segment_bytes = contract_segment_bytes, .open_files_max = 4});
    std::unique_ptr<MessageLog> log_;
};

}  // namespace

LogKind segment_log_kind() {
    return {"segment files", [] { return std::make_unique<SegmentLogUnderTest>(); }};
}

}  // namespace leveret::test
