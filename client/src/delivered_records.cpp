#include "delivered_records.hpp"

#include <cstring>

namespace leveret::client_side {

namespace {
constexpr std::size_t copied_bytes_max = 1024;
}

CheckedRecords check_delivered(Bytes records, bool verify_checksums) noexcept {
    CheckedRecords checked;
    while (!records.empty()) {
        const auto record = check_record(records);
        if (!record) {
            checked.failure = Error::bad_record;
            break;
        }
        if (verify_checksums && !has_valid_checksum(*record)) {
            checked.failure = Error::checksum_mismatch;
            break;
        }
        checked.last_offset = record->offset();
        records = records.subspan(record->size());
    }
    return checked;
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
