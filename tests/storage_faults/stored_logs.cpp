#include "stored_logs.hpp"

#include "message_log/segment/segment_store.hpp"

namespace leveret::test {

StoredLogs::StoredLogs(SimulatedDisk disk, std::uint8_t boot) : files(std::move(disk)) {
    SegmentStoreSettings settings;
    settings.segment_bytes = segment_bytes;
    settings.open_files_max = 8;
    settings.boot_id = {boot};
    settings.on_finding = [this](const std::string& finding) { findings.push_back(finding); };
    store_ = make_segment_store(files, {.write = io_.get_executor(), .read = io_.get_executor()}, counters,
                                std::move(settings));
}

void StoredLogs::run() {
    io_.restart();
    io_.poll();
}

std::error_code StoredLogs::reserve(MessageLog& log, std::uint64_t bytes) {
    bool is_granted = false;
    return answer_to<std::error_code>([&](auto done) {
        is_granted = log.reserve(bytes, done);
        if (is_granted) {
            done({});
        }
    });
}

MessageLog::Appended StoredLogs::append(MessageLog& log, Bytes batch, MessageLog::Sync sync) {
    if (const auto error = reserve(log, batch.size())) {
        return {.error = error, .first = {}};
    }
    return answer_to<MessageLog::Appended>([&](auto done) { log.append({&batch, 1}, sync, done); });
}

std::error_code StoredLogs::sync(MessageLog& log) {
    return answer_to<std::error_code>([&](auto done) { log.sync(done); });
}

std::error_code StoredLogs::trim(MessageLog& log, Offset before) {
    return answer_to<std::error_code>([&](auto done) { log.trim(before, done); });
}

std::error_code StoredLogs::close(MessageLog& log) {
    return answer_to<std::error_code>([&](auto done) { log.close(done); });
}

Result<LogRead> StoredLogs::read(MessageLog& log, Offset from, std::span<std::byte> into) {
    return answer_to<Result<LogRead>>([&](auto done) { log.read(from, into, done); });
}

Result<Offset> StoredLogs::find_time(MessageLog& log, Timestamp time) {
    return answer_to<Result<Offset>>([&](auto done) { log.find_time(time, done); });
}

StoredLogs::ReadBack StoredLogs::read_back(MessageLog& log) {
    ReadBack result;
    const LogExtent extent = log.extent();
    std::vector<std::byte> into(1500);
    for (Offset at = extent.first; at < extent.end;) {
        const Result<LogRead> got = read(log, at, into);
        if (!got) {
            result.error = got.error();
            return result;
        }
        if (got->damaged) {
            result.damaged.push_back(*got->damaged);
        }
        result.bytes.insert(result.bytes.end(), into.begin(), into.begin() + static_cast<std::ptrdiff_t>(got->bytes));
        if (got->next < at || got->next > extent.end) {
            throw std::logic_error("a read goes on at offset " + std::to_string(got->next.value));
        }
        if (got->next == at) {
            if (got->bytes > 0 || got->damaged || into.size() > 1U << 20U) {
                throw std::logic_error("a read does not get on at offset " + std::to_string(at.value));
            }
            into.resize(into.size() * 2);
        }
        at = got->next;
    }
    return result;
}

}  // namespace leveret::test
