#include "delivered_records.hpp"

#include <cstring>
#include <string>

namespace leveret::client_side {

namespace {
constexpr std::size_t copied_bytes_max = 1024;
}

CheckedRecords check_delivered(Bytes records, bool verify_checksums) noexcept {
    CheckedRecords checked;
    const Bytes all = records;
    while (!records.empty()) {
        const auto record = check_record(records);
        if (!record) {
            checked.failure = Error::bad_record;
            break;
        }
        if (verify_checksums && !has_valid_checksum(*record)) {
            checked.failure = Error::checksum_mismatch;
            checked.damaged_offset = record->offset();
            break;
        }
        checked.last_offset = record->offset();
        records = records.subspan(record->size());
    }
    checked.good = all.first(all.size() - records.size());
    return checked;
}

Failure damaged_record(Offset offset) {
    const std::string number = std::to_string(offset.value);
    return {.code = make_error_code(Error::checksum_mismatch),
            .text = "the record at offset " + number + " does not match its checksum; reading can go on at offset " +
                    std::to_string(offset.value + 1),
            .detail = offset.value};
}

Delivery delivery_of(Bytes records, Epoch epoch, ReceiveBuffer& buffer) {
    if (records.size() > copied_bytes_max) {
        return {buffer.owner(), records, epoch};
    }
    const auto copy = std::make_shared_for_overwrite<std::byte[]>(records.size());
    std::memcpy(copy.get(), records.data(), records.size());
    return {copy, Bytes(copy.get(), records.size()), epoch};
}

}  // namespace leveret::client_side
