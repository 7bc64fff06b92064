// A data directory on a simulated disk, as a server uses it between one start and the next: one thread, driven by hand.
#pragma once

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <asio/io_context.hpp>

#include "environment/counters.hpp"
#include "message_log/log_store.hpp"
#include "message_log/topic_catalogue.hpp"
#include "support/simulated_files.hpp"

namespace leveret::test {

/// Small enough for a roll every few batches.
inline constexpr std::uint64_t segment_bytes = 4096;

class StoredLogs {
  public:
    /// `boot`: another number is another start of the machine.
    StoredLogs(SimulatedDisk disk, std::uint8_t boot);

    SimulatedFiles files;
    Counters counters;
    TopicCatalogue catalogue{files};
    std::vector<std::string> findings;  ///< that reads have told of

    [[nodiscard]] LogStore& store() noexcept { return *store_; }

    /// Carries out everything that is waiting, and what comes of it.
    void run();

    /// The answer to `call`, which gets the callback for it.
    template <class Answer, class Call>
    Answer answer_to(Call call) {
        auto answer = std::make_shared<std::optional<Answer>>();
        call([answer](const Answer& value) {
            if (answer->has_value()) {
                throw std::logic_error("answered twice");
            }
            answer->emplace(value);
        });
        run();
        if (!answer->has_value()) {
            throw std::logic_error("no answer, and nothing left to do");
        }
        return **answer;
    }

    std::error_code reserve(MessageLog& log, std::uint64_t bytes);
    /// Takes room first: its error, else what append() has answered.
    MessageLog::Appended append(MessageLog& log, Bytes batch, MessageLog::Sync sync);
    std::error_code sync(MessageLog& log);
    std::error_code trim(MessageLog& log, Offset before);
    std::error_code close(MessageLog& log);
    Result<LogRead> read(MessageLog& log, Offset from, std::span<std::byte> into);
    Result<Offset> find_time(MessageLog& log, Timestamp time);

    struct ReadBack {
        std::vector<std::byte> bytes{};  ///< records back to back
        std::vector<std::pair<Offset, Offset>> damaged{};
        std::error_code error{};
    };
    /// All that the log has. Throws where reading does not get on, or answers what it must not.
    ReadBack read_back(MessageLog& log);

  private:
    asio::io_context io_;
    std::unique_ptr<LogStore> store_;
};

}  // namespace leveret::test
