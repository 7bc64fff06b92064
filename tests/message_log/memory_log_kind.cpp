#include "log_contract.hpp"
#include "message_log/memory_log.hpp"

namespace leveret::test {
namespace {

/// Without an executor: everything has been carried out when a call returns.
class MemoryLogUnderTest final : public LogUnderTest {
  public:
    MemoryLogUnderTest() { log_ = std::move(store_.create({}, {}, {}).value().log); }

    MessageLog& log() override { return *log_; }
    void run() override {}
    void reopen() override {
        log_.reset();
        log_ = std::move(store_.open({}, {}, {}).value().log);
    }

  private:
    MemoryLogStore store_{{.segment_bytes = contract_segment_bytes}};
    std::unique_ptr<MessageLog> log_;
};

}  // namespace

LogKind memory_log_kind() {
    return {"memory", [] { return std::make_unique<MemoryLogUnderTest>(); }};
}

}  // namespace leveret::test
