#include <asio/io_context.hpp>

#include "log_contract.hpp"
#include "message_log/rocksdb/rocksdb_store.hpp"
#include "temporary_directory.hpp"

namespace leveret::test {
namespace {

class RocksDbLogUnderTest final : public LogUnderTest {
  public:
    RocksDbLogUnderTest() {
        open_store();
        log_ = std::move(store_->create(topic_, {}, {}).value().log);
    }

    MessageLog& log() override { return *log_; }
    void run() override {
        io_.restart();
        io_.run();
    }
    void reopen() override {
        log_.reset();
        store_.reset();
        open_store();
        log_ = std::move(store_->open(topic_, {}, {}).value().log);
    }

  private:
    void open_store() {
        store_ = open_rocksdb_store(directory_.path() + "/rocksdb", {io_.get_executor(), io_.get_executor()}, counters_,
                                    {.part_bytes = contract_segment_bytes})
                     .value();
    }

    TemporaryDirectory directory_;
    asio::io_context io_;
    Counters counters_;
    TopicId topic_{{1}};
    std::unique_ptr<LogStore> store_;
    std::unique_ptr<MessageLog> log_;
};

}  // namespace

LogKind rocksdb_log_kind() {
    return {"RocksDB", [] { return std::make_unique<RocksDbLogUnderTest>(); }};
}

}  // namespace leveret::test
