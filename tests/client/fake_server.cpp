#include "fake_server.hpp"

#include <array>
#include <stdexcept>

#include <asio/post.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>

namespace leveret::test {

using asio::ip::tcp;
using native::FrameType;

namespace {
constexpr std::uint32_t frame_bytes_max = 1U << 20U;
}

std::vector<std::string> ReceivedFrame::payloads() const {
    const auto publish = as<native::Publish>();
    std::uint32_t bad_index = 0;
    expect(!check_batch(publish.records, publish.record_count, frame_bytes_max, &bad_index));
    std::vector<std::string> payloads;
    for (const RecordView record : Records(publish.records)) {
        expect(has_valid_content_checksum(record));
        payloads.emplace_back(record.payload_text());
    }
    return payloads;
}

void expect(bool holds, const std::string& what) {
    if (!holds) {
        throw std::logic_error(what);
    }
}

SubscribeOptions with_credit(std::uint64_t records) {
    SubscribeOptions options;
    options.credit_records = records;
    return options;
}

SubscribeOptions from_position(std::string name) {
    SubscribeOptions options;
    options.from = From::position(std::move(name));
    return options;
}

FakeServer::FakeServer(asio::io_context& io)
    : acceptor_(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0)), socket_(io) {}

asio::awaitable<void> FakeServer::accept() {
    socket_ = co_await acceptor_.async_accept(asio::use_awaitable);
    socket_.set_option(tcp::no_delay(true));
    std::array<std::uint8_t, 4> magic{};
    co_await asio::async_read(socket_, asio::buffer(magic), asio::use_awaitable);
    expect(magic == native::magic);
}

asio::awaitable<ReceivedFrame> FakeServer::receive() {
    std::vector<std::byte> bytes(native::header_bytes);
    co_await asio::async_read(socket_, asio::buffer(bytes), asio::use_awaitable);
    std::uint32_t length = 0;
    std::memcpy(&length, bytes.data(), sizeof length);
    bytes.resize(length);
    auto rest = asio::buffer(bytes) + native::header_bytes;
    co_await asio::async_read(socket_, rest, asio::use_awaitable);
    const auto decoded = native::decode(bytes, frame_bytes_max);
    expect((decoded && *decoded));
    co_return ReceivedFrame{(*decoded)->header, {(*decoded)->body.begin(), (*decoded)->body.end()}};
}

asio::awaitable<ReceivedFrame> FakeServer::receive(FrameType type) {
    ReceivedFrame frame = co_await receive();
    expect(frame.header.type == type, "the client sends " + std::string(native::frame_type_name(frame.header.type)) +
                                          " instead of " + std::string(native::frame_type_name(type)));
    co_return frame;
}

asio::awaitable<void> FakeServer::wait_for_the_end() {
    std::array<std::byte, 4096> ignored{};
    std::error_code error;
    while (!error) {
        co_await socket_.async_read_some(asio::buffer(ignored), asio::redirect_error(asio::use_awaitable, error));
    }
}

asio::awaitable<void> FakeServer::send(std::vector<std::byte> bytes) {
    co_await asio::async_write(socket_, asio::buffer(bytes), asio::use_awaitable);
}

asio::awaitable<void> FakeServer::answer_ok(ReceivedFrame to) {
    const native::RawBody nothing;
    return send(frame(FrameType::ok, nothing, to.header.correlation));
}

asio::awaitable<void> FakeServer::answer_next(FrameType request, FrameType with) {
    const ReceivedFrame received = co_await receive(request);
    const native::RawBody nothing;
    co_await send(frame(with, nothing, received.header.correlation));
}

asio::awaitable<void> FakeServer::answer_error(ReceivedFrame to, Error code, std::string text, std::uint64_t detail) {
    const native::ErrorAnswer body{.code = code, .detail = detail, .text = text};
    return send(frame(FrameType::error, body, to.header.correlation));
}

asio::awaitable<void> FakeServer::acknowledge(ReceivedFrame publish, std::uint64_t first) {
    const native::Published body{.first = {first}, .accepted = publish.as<native::Publish>().record_count};
    return send(frame(FrameType::published, body, publish.header.correlation));
}

asio::awaitable<void> FakeServer::welcome() {
    co_await accept();
    const ReceivedFrame hello = co_await receive(FrameType::hello);
    native::Welcome body;
    body.frame_bytes_max = frame_bytes_max;
    co_await answer(hello, FrameType::welcome, body);
}

asio::awaitable<void> FakeServer::open_topic(std::uint32_t handle, std::uint8_t id, std::uint32_t epoch,
                                             TopicSettings settings) {
    const ReceivedFrame request = co_await receive(FrameType::open_topic);
    native::TopicOpened body;
    body.id = topic_id(id);
    body.epoch = {epoch};
    body.settings = settings;
    co_await answer(request, FrameType::topic_opened, body, handle);
}

asio::awaitable<ReceivedFrame> FakeServer::start_subscription(std::uint32_t handle, std::uint64_t next) {
    ReceivedFrame request = co_await receive(FrameType::subscribe);
    const auto expected = request.as<native::Subscribe>().expected;
    const native::Subscribed body{.id = expected.id, .epoch = expected.epoch, .next = {next}};
    co_await answer(request, FrameType::subscribed, body, handle);
    co_return request;
}

asio::awaitable<void> FakeServer::deliver(std::vector<std::string> payloads, std::uint64_t first,
                                          std::uint32_t handle) {
    return send(deliver_frame(payloads, first, handle));
}

void FakeServer::drop_connection() {
    std::error_code ignored;
    socket_.close(ignored);
}

std::vector<std::byte> FakeServer::records(const std::vector<std::string>& payloads, std::uint64_t first) {
    std::vector<std::byte> bytes;
    for (const std::string& payload : payloads) {
        const RecordDraft draft{.payload = as_bytes(payload)};
        const std::size_t at = bytes.size();
        bytes.resize(at + record_bytes(draft));
        write_record(bytes.data() + at, draft, false);
        stamp_record(bytes.data() + at, {first++}, Timestamp(std::chrono::microseconds(1'000)));
    }
    return bytes;
}

std::vector<std::byte> FakeServer::deliver_frame(const std::vector<std::string>& payloads, std::uint64_t first,
                                                 std::uint32_t handle) {
    std::vector<std::byte> body(native::Deliver::prefix_bytes);
    native::Deliver{.epoch = {1}}.write_prefix(body.data());
    const auto laid_out = records(payloads, first);
    body.insert(body.end(), laid_out.begin(), laid_out.end());
    return frame(FrameType::deliver, native::RawBody{body}, {}, handle);
}

Scenario::Scenario() {
    client.emplace(io.get_executor());
    options.port = server.port();
    options.reconnect_delay_min = std::chrono::milliseconds(1);
    options.reconnect_delay_max = std::chrono::milliseconds(5);
}

void Scenario::run(asio::awaitable<void> (*script)(Scenario&)) {
    bool finished = false;
    std::exception_ptr failure;
    asio::co_spawn(io, script(*this), [&](const std::exception_ptr& exception) {
        failure = exception;
        finished = true;
        io.stop();
    });
    run_until_stopped();
    if (failure) {
        std::rethrow_exception(failure);
    }
    REQUIRE(finished);
}

void Scenario::run_until_stopped() {
    for (bool goes_on = true; goes_on;) {
        try {
            io.run_for(std::chrono::seconds(60));  // only a script that hangs takes so long
            goes_on = false;
        } catch (const HandlerFailure&) {
            ++handler_failures;
        }
    }
}

asio::awaitable<void> Scenario::connect() {
    auto connecting = start(client->connect(options));
    co_await server.welcome();
    const auto connected = co_await connecting.result();
    REQUIRE(connected.has_value());
}

asio::awaitable<Publisher> Scenario::open_publisher(std::string topic) {
    auto opening = start(client->publisher(std::move(topic)));
    co_await server.open_topic();
    auto publisher = co_await opening.result();
    REQUIRE(publisher.has_value());
    co_return *publisher;
}

asio::awaitable<Subscription> Scenario::subscribe(SubscribeOptions with) {
    auto subscribing = start(client->subscribe("hello", with));
    co_await server.open_topic();
    co_await server.start_subscription();
    auto subscription = co_await subscribing.result();
    REQUIRE(subscription.has_value());
    co_return *subscription;
}

asio::awaitable<void> Scenario::settle() {
    for (int turn = 0; turn < 20; ++turn) {
        co_await asio::post(io, asio::use_awaitable);
    }
}

asio::awaitable<void> expect_records(Subscription from, std::vector<std::string> payloads) {
    const Received received = co_await from.next();
    REQUIRE(payloads_of(received) == payloads);
}

asio::awaitable<void> expect_closed(Subscription subscription, std::error_code reason) {
    const Received received = co_await subscription.next();
    REQUIRE(std::holds_alternative<Closed>(received));
    REQUIRE(std::get<Closed>(received).failure.code == reason);
}

std::vector<std::string> payloads_of(const Delivery& delivery) {
    std::vector<std::string> payloads;
    for (const RecordView record : delivery) {
        payloads.emplace_back(record.payload_text());
    }
    return payloads;
}

std::vector<std::string> payloads_of(const Received& received) {
    const auto* const delivery = std::get_if<Delivery>(&received);
    REQUIRE(delivery != nullptr);
    return payloads_of(*delivery);
}

TopicId topic_id(std::uint8_t first) {
    TopicId id;
    id.bytes[0] = first;
    return id;
}

}  // namespace leveret::test
