// The record reader: the first byte says how many records, the rest is a batch of them.
#include "fuzz/fuzzing.hpp"
#include "protocol/record.hpp"

using namespace leveret;
using leveret::test::require;

namespace {

constexpr std::size_t record_bytes_max = 4096;

/// Looks at everything that a record has; the sanitizers watch.
std::size_t sum_of_fields(RecordView record) {
    std::size_t sum = record.payload().size() + record.key().value_or("").size();
    for (const Header& header : record.headers()) {
        sum += header.name.size() + header.value.value_or(Bytes{}).size();
    }
    return sum;
}

void check_fields(RecordView record) {
    require(sum_of_fields(record) <= record.size(), "what a record holds is within it");
    require(!record.is_tombstone() || record.payload().empty(), "a tombstone has no payload");
    require(!record.has(record_layout::reserved | record_layout::codec_mask), "reserved bits are clear");
}

/// A record without an extension, drafted again from what it says, is the same record.
void check_draft_of(RecordView record) {
    if (record.has(record_layout::has_extension | record_layout::control)) {
        return;
    }
    const std::vector<Header> headers = record.headers();
    const RecordDraft draft{
        .payload = record.payload(), .key = record.key(), .headers = headers, .tombstone = record.is_tombstone()};
    require(!check_draft(draft, record.size()), "a record can be drafted");
    require(record_bytes(draft) == record.size(), "a draft takes as many bytes as its record");
    std::vector<std::byte> written(record.size());
    write_record(written.data(), draft, record.has(record_layout::more_in_batch));
    constexpr std::size_t content_at = record_layout::attributes_at;
    require(std::equal(written.begin() + content_at, written.end(), record.bytes().begin() + content_at),
            "a draft is written as its record was");
    require(has_valid_content_checksum(RecordView(written.data())), "what is written has its checksum");
}

void check_stamp(RecordView record) {
    auto stamped = test::exact_copy(record.bytes());
    const bool was_valid = has_valid_content_checksum(record);
    const Timestamp timestamp{std::chrono::microseconds(1'700'000'000'000'000)};
    stamp_record(stamped.data(), Offset{77}, timestamp);
    const RecordView view(stamped.data());
    require(view.offset() == Offset{77} && view.timestamp() == timestamp, "a stamp is read as it was written");
    require(has_valid_checksum(view) == was_valid, "a stamp keeps a checksum as right or wrong as it was");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    const auto bytes = test::exact_copy(test::input_bytes(data + 1, size - 1));
    if (const auto record = check_record(bytes)) {
        require(record->size() <= bytes.size(), "a record lies within its bytes");
        check_fields(*record);
        check_draft_of(*record);
        check_stamp(*record);
    }
    std::uint32_t bad_index = ~std::uint32_t{0};
    const std::uint32_t count = data[0];
    if (check_batch(bytes, count, record_bytes_max, &bad_index)) {
        require(bad_index <= count, "the record that is wrong is one of the batch");
        return 0;
    }
    std::uint32_t seen = 0;
    for (const RecordView record : Records(bytes)) {
        require(check_record(record.bytes()).has_value(), "each record of a batch is well-formed");
        require(record.size() <= record_bytes_max, "each record of a batch is within the limit");
        ++seen;
        require(record.has(record_layout::more_in_batch) == (seen < count), "all but the last say that more follow");
    }
    require(seen == count, "a batch has as many records as it says");
    return 0;
}
