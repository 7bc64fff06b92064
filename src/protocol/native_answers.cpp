#include "protocol/native.hpp"
#include "protocol/native_fields.hpp"

namespace leveret::native {
namespace {

constexpr std::size_t figure_bytes_min = sizeof(std::uint16_t) + sizeof(std::uint64_t);

void read_figures(WireReader& in, std::vector<Figure>& figures) {
    read_list(in, figures, figure_bytes_min,
              [](WireReader& from, Figure& figure) { read_fields(from, figure.name, figure.value); });
}

void write_figures(WireWriter& out, const std::vector<Figure>& figures) {
    write_list(out, figures, [](WireWriter& to, const Figure& figure) { write_fields(to, figure.name, figure.value); });
}

}  // namespace

Result<Welcome> Welcome::decode(Bytes body) noexcept {
    WireReader in(body);
    Welcome answer;
    read_fields(in, answer.version, answer.frame_bytes_max, answer.connection_id, answer.server_version);
    return finish(in, answer);
}

void Welcome::encode(WireWriter& out) const {
    write_fields(out, version, frame_bytes_max, connection_id, server_version);
}

Result<TopicOpened> TopicOpened::decode(Bytes body) noexcept {
    WireReader in(body);
    TopicOpened answer;
    read_fields(in, answer.id, answer.epoch, answer.first, answer.next, answer.settings);
    return finish(in, answer);
}

void TopicOpened::encode(WireWriter& out) const {
    write_fields(out, id, epoch, first, next, settings);
}

Result<Published> Published::decode(Bytes body) {
    WireReader in(body);
    Published answer;
    read_fields(in, answer.first, answer.accepted);
    read_list(in, answer.duplicates, sizeof(std::uint32_t),
              [](WireReader& from, std::uint32_t& index) { read_field(from, index); });
    return finish(in, std::move(answer));
}

void Published::encode(WireWriter& out) const {
    write_fields(out, first, accepted);
    write_list(out, duplicates, [](WireWriter& to, std::uint32_t index) { write_field(to, index); });
}

Result<Subscribed> Subscribed::decode(Bytes body) noexcept {
    WireReader in(body);
    Subscribed answer;
    read_fields(in, answer.id, answer.epoch, answer.next);
    return finish(in, answer);
}

void Subscribed::encode(WireWriter& out) const {
    write_fields(out, id, epoch, next);
}

Result<Deliver> Deliver::decode(Bytes body) noexcept {
    WireReader in(body);
    Deliver delivery;
    read_fields(in, delivery.partition, delivery.epoch);
    delivery.records = in.rest();
    return finish(in, delivery);
}

void Deliver::write_prefix(std::byte* out) const noexcept {
    std::memcpy(out, &partition.value, sizeof partition.value);
    std::memcpy(out + sizeof partition.value, &epoch.value, sizeof epoch.value);
}

Result<Lagged> Lagged::decode(Bytes body) noexcept {
    WireReader in(body);
    Lagged answer;
    read_fields(in, answer.partition, answer.epoch, answer.from, answer.to);
    return finish(in, answer);
}

void Lagged::encode(WireWriter& out) const {
    write_fields(out, partition, epoch, from, to);
}

Result<Fetched> Fetched::decode(Bytes body) noexcept {
    WireReader in(body);
    Fetched answer;
    read_fields(in, answer.partition, answer.epoch, answer.missed_from, answer.missed_to, answer.first, answer.next,
                answer.end);
    answer.records = in.rest();
    return finish(in, answer);
}

void Fetched::encode(WireWriter& out) const {
    write_fields(out, partition, epoch, missed_from, missed_to, first, next, end);
    out.bytes(records);
}

Result<TopicList> TopicList::decode(Bytes body) {
    constexpr std::size_t entry_bytes_min = 2 + 16 + 4 + 3 * 8;
    WireReader in(body);
    TopicList answer;
    read_bits(in, answer.more, std::uint8_t{1});
    read_list(in, answer.topics, entry_bytes_min, [](WireReader& from, TopicListEntry& entry) {
        read_fields(from, entry.name, entry.id, entry.epoch, entry.first, entry.next, entry.bytes);
    });
    return finish(in, std::move(answer));
}

void TopicList::encode(WireWriter& out) const {
    write_fields(out, more);
    write_list(out, topics, [](WireWriter& to, const TopicListEntry& entry) {
        write_fields(to, entry.name, entry.id, entry.epoch, entry.first, entry.next, entry.bytes);
    });
}

Result<TopicDescription> TopicDescription::decode(Bytes body) {
    constexpr std::size_t position_bytes_min = 2 + 8;
    WireReader in(body);
    TopicDescription answer;
    read_fields(in, answer.name, answer.id, answer.epoch, answer.first, answer.next, answer.settings);
    read_figures(in, answer.figures);
    read_list(in, answer.positions, position_bytes_min,
              [](WireReader& from, Position& position) { read_fields(from, position.name, position.offset); });
    return finish(in, std::move(answer));
}

void TopicDescription::encode(WireWriter& out) const {
    write_fields(out, name, id, epoch, first, next, settings);
    write_figures(out, figures);
    write_list(out, positions,
               [](WireWriter& to, const Position& position) { write_fields(to, position.name, position.offset); });
}

Result<ServerDescription> ServerDescription::decode(Bytes body) {
    WireReader in(body);
    ServerDescription answer;
    read_fields(in, answer.server_version);
    read_figures(in, answer.figures);
    return finish(in, std::move(answer));
}

void ServerDescription::encode(WireWriter& out) const {
    write_fields(out, server_version);
    write_figures(out, figures);
}

Result<ErrorAnswer> ErrorAnswer::decode(Bytes body) noexcept {
    WireReader in(body);
    ErrorAnswer answer;
    std::uint16_t code = 0;
    read_fields(in, code, answer.detail, answer.text);
    answer.code = Error{code};
    return finish(in, answer);
}

void ErrorAnswer::encode(WireWriter& out) const {
    write_fields(out, static_cast<std::uint16_t>(code), detail, text);
}

}  // namespace leveret::native
