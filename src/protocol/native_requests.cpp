#include "protocol/native.hpp"
#include "protocol/native_fields.hpp"

namespace leveret::native {

Result<Hello> Hello::decode(Bytes body) noexcept {
    WireReader in(body);
    Hello hello;
    read_fields(in, hello.version_min, hello.version_max, hello.client_name, hello.mechanism);
    hello.credentials = in.take(in.number<std::uint32_t>());
    return finish(in, hello);
}

void Hello::encode(WireWriter& out) const {
    write_fields(out, version_min, version_max, client_name, mechanism, static_cast<std::uint32_t>(credentials.size()));
    out.bytes(credentials);
}

Result<CreateTopic> CreateTopic::decode(Bytes body) noexcept {
    WireReader in(body);
    CreateTopic request;
    read_fields(in, request.name, request.settings);
    return finish(in, request);
}

void CreateTopic::encode(WireWriter& out) const {
    write_fields(out, name, settings);
}

Result<AlterTopic> AlterTopic::decode(Bytes body) noexcept {
    constexpr std::uint32_t known_fields = retention_ttl | compaction_window | retention_bytes | retention_records;
    WireReader in(body);
    AlterTopic request;
    read_fields(in, request.name);
    read_bits(in, request.fields, known_fields);
    read_fields(in, request.settings);
    return finish(in, request);
}

void AlterTopic::encode(WireWriter& out) const {
    write_fields(out, name, fields, settings);
}

Result<TopicName> TopicName::decode(Bytes body) noexcept {
    WireReader in(body);
    TopicName request;
    read_fields(in, request.name);
    return finish(in, request);
}

void TopicName::encode(WireWriter& out) const {
    write_fields(out, name);
}

Result<Publish> Publish::decode(Bytes body) noexcept {
    WireReader in(body);
    Publish request;
    read_fields(in, request.partition, request.record_count, request.producer_id, request.first_sequence,
                request.producer_epoch, request.durability);
    read_zero<std::uint8_t>(in);
    read_zero<std::uint64_t>(in);
    request.records = in.rest();
    return finish(in, request);
}

void Publish::write_prefix(std::byte* out) const noexcept {
    const auto put = [&out](auto value) {
        std::memcpy(out, &value, sizeof value);
        out += sizeof value;
    };
    put(partition.value);
    put(record_count);
    put(producer_id);
    put(first_sequence);
    put(producer_epoch);
    put(durability);
    put(std::uint8_t{0});
    put(std::uint64_t{0});
}

Result<Subscribe> Subscribe::decode(Bytes body) {
    constexpr std::size_t key_bytes_min = sizeof(std::uint16_t);
    WireReader in(body);
    Subscribe request;
    read_fields(in, request.partition, request.expected, request.start, request.credit_records, request.credit_bytes,
                request.flags);
    const auto filter_key_count = WireReader(in).number<std::uint32_t>();
    if (filter_key_count > filter_keys_max) {
        return fail(Error::too_many_filter_keys);
    }
    read_list(in, request.filter_keys, key_bytes_min, [](WireReader& from, auto& key) { read_field(from, key); });
    return finish(in, std::move(request));
}

void Subscribe::encode(WireWriter& out) const {
    write_fields(out, partition, expected, start, credit_records, credit_bytes, flags);
    write_list(out, filter_keys, [](WireWriter& to, std::string_view key) { write_field(to, key); });
}

Result<Grant> Grant::decode(Bytes body) noexcept {
    WireReader in(body);
    Grant request;
    read_fields(in, request.records, request.bytes);
    return finish(in, request);
}

void Grant::encode(WireWriter& out) const {
    write_fields(out, records, bytes);
}

Result<Commit> Commit::decode(Bytes body) noexcept {
    WireReader in(body);
    Commit request;
    read_fields(in, request.partition, request.expected, request.offset, request.position);
    return finish(in, request);
}

void Commit::encode(WireWriter& out) const {
    write_fields(out, partition, expected, offset, position);
}

Result<Seek> Seek::decode(Bytes body) noexcept {
    WireReader in(body);
    Seek request;
    read_fields(in, request.expected, request.start);
    return finish(in, request);
}

void Seek::encode(WireWriter& out) const {
    write_fields(out, expected, start);
}

Result<Fetch> Fetch::decode(Bytes body) noexcept {
    WireReader in(body);
    Fetch request;
    read_fields(in, request.partition, request.expected, request.start, request.max_bytes, request.max_wait_ms);
    return finish(in, request);
}

void Fetch::encode(WireWriter& out) const {
    write_fields(out, partition, expected, start, max_bytes, max_wait_ms);
}

Result<TrimTopic> TrimTopic::decode(Bytes body) noexcept {
    WireReader in(body);
    TrimTopic request;
    read_fields(in, request.name, request.partition, request.before);
    return finish(in, request);
}

void TrimTopic::encode(WireWriter& out) const {
    write_fields(out, name, partition, before);
}

Result<ListTopics> ListTopics::decode(Bytes body) noexcept {
    WireReader in(body);
    ListTopics request;
    read_fields(in, request.after, request.limit);
    return finish(in, request);
}

void ListTopics::encode(WireWriter& out) const {
    write_fields(out, after, limit);
}

}  // namespace leveret::native
