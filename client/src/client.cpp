// The verbs of Client.
#include "leveret/client.hpp"

#include <utility>

#include "client_state.hpp"
#include "delivered_records.hpp"

namespace leveret {

using client_side::failure_of;
using client_side::Promise;
using client_side::UnansweredPublish;
using client_side::unexpected;
using native::FrameType;

namespace {

using State = Client::State;
using Self = std::shared_ptr<State>;
using client_side::Answer;

Outcome<void> without_value(const Outcome<Answer>& answer) {
    return answer ? Outcome<void>() : Outcome<void>(unexpected(answer.error()));
}

/// What an answer says, or why there is none.
template <class Body>
Outcome<Body> decoded(const Outcome<Answer>& answer) {
    if (!answer) {
        return unexpected(answer.error());
    }
    auto body = Body::decode(answer->body);
    if (!body) {
        return unexpected(failure_of(body.error()));
    }
    return std::move(*body);
}

/// A request of one body that is answered by Ok. `body` may refer to `text`, which lives here.
template <class MakeBody>
asio::awaitable<Outcome<void>> command(Self self, FrameType type, std::string text, MakeBody make_body) {
    const auto ready = co_await State::until_ready(self);
    if (!ready) {
        co_return ready;
    }
    auto asked = self->ask(type, FrameType::ok, make_body(text));
    co_return without_value(co_await std::move(asked));
}

native::AlterTopic alteration_of(const TopicChange& change) {
    native::AlterTopic alter;
    const auto set = [&alter](native::AlterTopic::Field field, std::uint64_t& setting,
                              std::optional<std::uint64_t> value) {
        if (value) {
            alter.fields |= field;
            setting = *value;
        }
    };
    const auto in_ms = [](const std::optional<std::chrono::milliseconds>& duration) {
        return duration ? std::optional(static_cast<std::uint64_t>(std::max<std::int64_t>(duration->count(), 0)))
                        : std::nullopt;
    };
    set(native::AlterTopic::retention_ttl, alter.settings.retention_ttl_ms, in_ms(change.retention_ttl));
    set(native::AlterTopic::compaction_window, alter.settings.compaction_window_ms, in_ms(change.compaction_window));
    set(native::AlterTopic::retention_bytes, alter.settings.retention_bytes, change.retention_bytes);
    set(native::AlterTopic::retention_records, alter.settings.retention_records, change.retention_records);
    return alter;
}

TopicInfo info_of(const native::TopicDescription& description) {
    TopicInfo info{.name = std::string(description.name),
                   .id = description.id,
                   .epoch = description.epoch,
                   .first = description.first,
                   .next = description.next,
                   .settings = description.settings};
    for (const native::Figure& figure : description.figures) {
        info.figures.emplace_back(figure.name, figure.value);
        if (figure.name == "bytes") {
            info.bytes = figure.value;
        }
    }
    for (const native::Position& position : description.positions) {
        info.positions.emplace_back(position.name, position.offset);
    }
    return info;
}

TopicInfo info_of(const native::TopicListEntry& entry) {
    return {.name = std::string(entry.name),
            .id = entry.id,
            .epoch = entry.epoch,
            .first = entry.first,
            .next = entry.next,
            .bytes = entry.bytes};
}

asio::awaitable<Outcome<void>> alter(Self self, std::string name, TopicChange change) {
    auto make_body = [change](const std::string& text) {
        native::AlterTopic body = alteration_of(change);
        body.name = text;
        return body;
    };
    auto done = command(std::move(self), FrameType::alter_topic, std::move(name), make_body);
    co_return co_await std::move(done);
}

asio::awaitable<Outcome<void>> remove_topic(Self self, std::string name) {
    auto make_body = [](const std::string& text) { return native::TopicName{text}; };
    auto done = command(self, FrameType::delete_topic, name, make_body);
    const auto outcome = co_await std::move(done);
    const auto known = self->topics_by_name.find(name);
    if (outcome && known != self->topics_by_name.end()) {
        const auto topic = known->second;
        self->fail_topic(topic, failure_of(Error::topic_deleted));
    }
    co_return outcome;
}

asio::awaitable<Outcome<std::vector<TopicInfo>>> list(Self self) {
    std::vector<TopicInfo> topics;
    for (;;) {
        const auto ready = co_await State::until_ready(self);
        if (!ready) {
            co_return unexpected(ready.error());
        }
        const std::string after = topics.empty() ? std::string() : topics.back().name;
        const native::ListTopics body{.after = after};
        auto asked = self->ask(FrameType::list_topics, FrameType::topic_list, body);
        const auto answer = co_await std::move(asked);
        const auto page = decoded<native::TopicList>(answer);
        if (!page) {
            co_return unexpected(page.error());
        }
        for (const native::TopicListEntry& entry : page->topics) {
            topics.push_back(info_of(entry));
        }
        if (page->more == 0 || page->topics.empty()) {
            co_return topics;
        }
    }
}

asio::awaitable<Outcome<TopicInfo>> describe(Self self, std::string name) {
    const auto ready = co_await State::until_ready(self);
    if (!ready) {
        co_return unexpected(ready.error());
    }
    const native::TopicName body{name};
    auto asked = self->ask(FrameType::describe_topic, FrameType::topic_description, body);
    const auto answer = co_await std::move(asked);
    const auto description = decoded<native::TopicDescription>(answer);
    if (!description) {
        co_return unexpected(description.error());
    }
    co_return info_of(*description);
}

asio::awaitable<Outcome<Publisher>> open_publisher(Self self, std::string name) {
    auto opening = State::open_topic(self, std::move(name));
    const auto topic = co_await std::move(opening);
    if (!topic) {
        co_return unexpected(topic.error());
    }
    co_return Publisher(std::make_shared<Publisher::State>(Publisher::State{self, *topic}));
}

native::Start start_of(const From& from) noexcept {
    // Both list the kinds in the same order.
    return {.kind = static_cast<native::Start::Kind>(from.kind), .value = from.value, .position = from.name};
}

asio::awaitable<Outcome<FetchResult>> fetch_from(Self self, std::string name, FetchOptions options) {
    auto opening = State::open_topic(self, std::move(name));
    const auto topic = co_await std::move(opening);
    if (!topic) {
        co_return unexpected(topic.error());
    }
    constexpr std::int64_t wait_ms_max = 0xFFFF'FFFF;
    const native::Fetch body{
        .start = start_of(options.from),
        .max_bytes = options.max_bytes,
        .max_wait_ms = static_cast<std::uint32_t>(std::clamp<std::int64_t>(options.max_wait.count(), 0, wait_ms_max))};
    auto asked = self->ask(FrameType::fetch, FrameType::fetched, body, (*topic)->handle);
    const auto answer = co_await std::move(asked);
    const auto fetched = decoded<native::Fetched>(answer);
    if (!fetched) {
        co_return unexpected(fetched.error());
    }
    const auto checked = client_side::check_delivered(fetched->records, self->options.verify_checksums);
    const bool is_damaged = checked.failure == Error::checksum_mismatch;
    if (checked.failure && !is_damaged) {
        co_return unexpected(failure_of(*checked.failure));
    }
    const bool is_missed = fetched->missed_from < fetched->missed_to;
    if (is_damaged && checked.good.empty() && !is_missed) {
        co_return unexpected(client_side::damaged_record(checked.damaged_offset));
    }
    Offset next = fetched->next;
    if (is_damaged) {  // the next fetch begins with it, and fails
        next = checked.good.empty() ? fetched->missed_to : Offset{checked.last_offset.value + 1};
    }
    FetchResult result{.delivery = Delivery(answer->owner, checked.good, fetched->epoch),
                       .missed = std::nullopt,
                       .first = fetched->first,
                       .next = next,
                       .end = fetched->end};
    if (is_missed) {
        result.missed = Missed{fetched->missed_from, fetched->missed_to};
    }
    co_return result;
}

asio::awaitable<Outcome<void>> commit_at(Self self, std::string name, std::string position, Offset offset) {
    auto opening = State::open_topic(self, std::move(name));
    const auto topic = co_await std::move(opening);
    if (!topic) {
        co_return unexpected(topic.error());
    }
    const native::Commit body{.expected = {(*topic)->id, (*topic)->epoch}, .offset = offset, .position = position};
    auto asked = self->ask(FrameType::commit, FrameType::ok, body, (*topic)->handle);
    co_return without_value(co_await std::move(asked));
}

asio::awaitable<Outcome<std::chrono::microseconds>> ping_once(Self self) {
    const auto ready = co_await State::until_ready(self);
    if (!ready) {
        co_return unexpected(ready.error());
    }
    const auto begin = std::chrono::steady_clock::now();
    const native::RawBody nothing;
    auto asked = self->ask(FrameType::ping, FrameType::pong, nothing);
    const auto answer = co_await std::move(asked);
    if (!answer) {
        co_return unexpected(answer.error());
    }
    co_return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begin);
}

asio::awaitable<Outcome<ServerInfo>> describe_whole_server(Self self) {
    const auto ready = co_await State::until_ready(self);
    if (!ready) {
        co_return unexpected(ready.error());
    }
    const native::RawBody nothing;
    auto asked = self->ask(FrameType::describe_server, FrameType::server_description, nothing);
    const auto answer = co_await std::move(asked);
    const auto description = decoded<native::ServerDescription>(answer);
    if (!description) {
        co_return unexpected(description.error());
    }
    ServerInfo info{.version = std::string(description->server_version)};
    for (const native::Figure& figure : description->figures) {
        info.figures.emplace_back(figure.name, figure.value);
    }
    co_return info;
}

}  // namespace

Client::Client(asio::any_io_executor executor) : state_(std::make_shared<State>(std::move(executor))) {}
Client::Client(Client&&) noexcept = default;

Client& Client::operator=(Client&& other) noexcept {
    if (this != &other) {
        if (state_) {
            state_->shut_down();
        }
        state_ = std::move(other.state_);
    }
    return *this;
}

Client::~Client() {
    if (state_) {
        state_->shut_down();
    }
}

asio::awaitable<Outcome<void>> Client::connect(const ClientOptions& options) {
    return State::connect(state_, options);
}

asio::awaitable<Outcome<void>> Client::connect() {
    return State::connect(state_, ClientOptions());
}

asio::awaitable<Outcome<void>> Client::close() {
    return State::close(state_);
}

asio::awaitable<Outcome<void>> Client::create_topic(std::string name, TopicSettings settings) {
    auto make_body = [settings](const std::string& text) { return native::CreateTopic{text, settings}; };
    return command(state_, FrameType::create_topic, std::move(name), make_body);
}

asio::awaitable<Outcome<void>> Client::alter_topic(std::string name, TopicChange change) {
    return alter(state_, std::move(name), change);
}

asio::awaitable<Outcome<void>> Client::delete_topic(std::string name) {
    return remove_topic(state_, std::move(name));
}

asio::awaitable<Outcome<void>> Client::trim_topic(std::string name, Offset before) {
    auto make_body = [before](const std::string& text) { return native::TrimTopic{.name = text, .before = before}; };
    return command(state_, FrameType::trim_topic, std::move(name), make_body);
}

asio::awaitable<Outcome<std::vector<TopicInfo>>> Client::list_topics() {
    return list(state_);
}

asio::awaitable<Outcome<TopicInfo>> Client::describe_topic(std::string name) {
    return describe(state_, std::move(name));
}

asio::awaitable<Outcome<Acknowledgement>> Client::publish(std::string topic, Message message) {
    auto promise = std::make_shared<Promise<Acknowledgement>>(state_->executor, state_->wakeups);
    state_->publish(topic, message, [promise](const Outcome<Acknowledgement>& outcome) { promise->set(outcome); });
    state_->written_before_waiting();
    return client_side::outcome_of(std::move(promise));
}

asio::awaitable<Outcome<std::vector<Acknowledgement>>> Client::publish_batch(std::string topic,
                                                                             std::span<const Message> messages) {
    using All = std::vector<Acknowledgement>;
    auto promise = std::make_shared<Promise<All>>(state_->executor, state_->wakeups);
    UnansweredPublish publish;
    publish.whole = [promise](const Outcome<All>& outcome) { promise->set(outcome); };
    state_->publish_batch(topic, messages, std::move(publish));
    state_->written_before_waiting();
    return client_side::outcome_of(std::move(promise));
}

asio::awaitable<Outcome<Publisher>> Client::publisher(std::string topic) {
    return open_publisher(state_, std::move(topic));
}

asio::awaitable<Outcome<Subscription>> Client::subscribe(std::string topic, const SubscribeOptions& options) {
    return State::subscribe(state_, std::move(topic), options);
}

asio::awaitable<Outcome<Subscription>> Client::subscribe(std::string topic, From from) {
    SubscribeOptions options;
    options.from = std::move(from);
    return State::subscribe(state_, std::move(topic), std::move(options));
}

asio::awaitable<Outcome<FetchResult>> Client::fetch(std::string topic, const FetchOptions& options) {
    return fetch_from(state_, std::move(topic), options);
}

asio::awaitable<Outcome<FetchResult>> Client::fetch(std::string topic, From from) {
    FetchOptions options;
    options.from = std::move(from);
    return fetch(std::move(topic), options);
}

asio::awaitable<Outcome<void>> Client::commit(std::string topic, std::string position, Offset offset) {
    return commit_at(state_, std::move(topic), std::move(position), offset);
}

asio::awaitable<Outcome<std::chrono::microseconds>> Client::ping() {
    return ping_once(state_);
}

asio::awaitable<Outcome<ServerInfo>> Client::describe_server() {
    return describe_whole_server(state_);
}

}  // namespace leveret
