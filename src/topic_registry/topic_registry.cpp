#include "topic_registry/topic_registry.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#define XXH_INLINE_ALL
#include <spdlog/spdlog.h>
#include <xxhash.h>

namespace leveret {
namespace {

// Apart from its blocks, window and positions: the controller, its entries in the table and in the order of names, and
// the allocator's share.
constexpr std::uint64_t topic_overhead_bytes = sizeof(TopicController) + 320;

// To find the largest topics all of them are looked at, so one look has to serve many blocks: it frees this share of
// the budget at least. It picks a greater share of the topics, and not fewer than these, so that none has to give more
// than a part of what it has, even where all have about the same: the rest may be what a subscriber has still to read.
constexpr std::uint64_t reclaim_share = 64;
constexpr std::size_t reclaim_topics_share = 16;
constexpr std::size_t reclaim_topics_min = 16;

}  // namespace

std::size_t TopicRegistry::NameHash::operator()(std::string_view name) const noexcept {
    return XXH3_64bits_withSeed(name.data(), name.size(), seed);
}

TopicRegistry::TopicRegistry(const Environment& environment, asio::any_io_executor executor, TopicStorage* storage,
                             TopicDefaults defaults)
    : environment_(environment),
      storage_(storage),
      defaults_(defaults),
      schedule_(environment.clock, executor),
      topics_(0, NameHash{environment.random.next()}) {}

TopicRegistry::~TopicRegistry() {
    environment_.counters.topics.subtract(topics_.size());
    for (auto& [name, entry] : topics_) {
        entry.topic->mark_deleted();
    }
}

std::error_code TopicRegistry::load(unsigned threads) {
    if (storage_ == nullptr) {
        return {};
    }
    const auto seconds = std::chrono::floor<std::chrono::seconds>(environment_.clock.wall_now().time_since_epoch());
    last_epoch_ = Epoch{static_cast<std::uint32_t>(seconds.count())};
    auto loaded = storage_->load(threads, last_epoch_);
    if (!loaded) {
        return loaded.error();
    }
    for (TopicStorage::Loaded& each : *loaded) {
        const Epoch epoch = each.backing ? each.backing->epochs.back().epoch : last_epoch_;
        last_epoch_ = std::max(last_epoch_, epoch);
        MemoryCharge charge(environment_.memory);
        (void)charge.resize(topic_overhead_bytes + 2 * each.topic.name.size());  // it is there, charged or not
        const TopicPtr topic = make_topic(each.topic, epoch);
        insert_locked(topic, std::move(charge));  // nobody else is here yet
        topic->attach(std::move(each.backing));
    }
    return {};
}

void TopicRegistry::close(std::function<void()> done) {
    // Calls back when the last one lets go of it.
    const std::shared_ptr<void> all_closed(nullptr, [done = std::move(done)](void*) { done(); });
    std::vector<TopicPtr> topics;
    {
        const std::unique_lock lock(mutex_);
        for (const auto& [name, entry] : topics_) {
            topics.push_back(entry.topic);
        }
        if (!removing_.empty()) {
            close_waits_ = all_closed;
        }
    }
    for (const TopicPtr& topic : topics) {
        topic->close([all_closed, topic](std::error_code error) {
            if (error) {
                spdlog::error("the log of topic '{}' did not close well: {}", topic->name(), error.message());
            }
        });
    }
}

/// With the server's defaults written out, so that two ways to say the same compare equal.
TopicSettings TopicRegistry::with_defaults(TopicSettings settings) const noexcept {
    settings.partitions = std::max<std::uint32_t>(settings.partitions, 1);
    if (settings.store == Store::server_default) {
        settings.store = defaults_.store;
    }
    if (settings.durability == Durability::server_default) {
        settings.durability = settings.store == Store::memory ? Durability::os : defaults_.durability;
    }
    return settings;
}

std::error_code TopicRegistry::check_settings(const TopicSettings& settings) const noexcept {
    if (settings.store > Store::rocksdb || settings.durability > Durability::sync) {
        return Error::bad_settings;
    }
    const TopicSettings all = with_defaults(settings);
    if (all.durability_interval_ms != 0 && all.durability != Durability::interval) {
        return Error::bad_settings;
    }
    const bool is_kept = all.store == Store::memory ? all.durability == Durability::os : storage_ != nullptr;
    return is_kept && all.partitions == 1 ? std::error_code{} : make_error_code(Error::not_supported);
}

std::string_view TopicRegistry::why_not_supported(const TopicSettings& settings) const noexcept {
    const TopicSettings all = with_defaults(settings);
    if (all.store != Store::memory && storage_ == nullptr) {
        return "stored topics need a data directory, and this server has none: --data-dir gives it one";
    }
    if (all.store == Store::memory && all.durability != Durability::os) {
        return "this topic would live in memory: it cannot be made durable";
    }
    return "a topic has one partition: ask for 1";
}

TopicPtr TopicRegistry::find_locked(std::string_view name) const {
    const auto found = topics_.find(name);
    return found == topics_.end() ? nullptr : found->second.topic;
}

void TopicRegistry::insert_locked(const TopicPtr& topic, MemoryCharge charge) {
    const auto [place, is_new] = topics_.emplace(topic->name(), Entry{topic, std::move(charge)});
    in_order_.emplace(place->first, &place->second.topic);
    environment_.counters.topics.add();
}

void TopicRegistry::erase_locked(Topics::iterator topic) {
    in_order_.erase(topic->first);  // first, as it looks at the name that goes with the other
    topics_.erase(topic);
    environment_.counters.topics.subtract();
}

TopicPtr TopicRegistry::find(std::string_view name) const {
    const std::shared_lock lock(mutex_);
    return find_locked(name);
}

Result<TopicPtr> TopicRegistry::find_or_create(std::string_view name) {
    if (TopicPtr topic = find(name)) {
        return topic;
    }
    return find_or_add(name, {}, false);
}

Result<TopicPtr> TopicRegistry::create(std::string_view name, const TopicSettings& settings) {
    return create_configured(name, settings, IfExists::compare);
}

Result<TopicPtr> TopicRegistry::create_or_keep(std::string_view name, const TopicSettings& settings) {
    return create_configured(name, settings, IfExists::keep);
}

Result<TopicPtr> TopicRegistry::create_configured(std::string_view name, const TopicSettings& settings,
                                                  IfExists if_exists) {
    if (const std::error_code error = check_settings(settings)) {
        return tl::unexpected(error);
    }
    Result<TopicPtr> topic = find_or_add(name, settings, true);
    if (!topic || if_exists == IfExists::keep) {
        return topic;
    }
    const std::unique_lock lock(mutex_);  // of two callers that find a topic unconfigured, one configures it
    if (!(*topic)->is_configured() && with_defaults((*topic)->settings()).store == with_defaults(settings).store) {
        (*topic)->configure(with_defaults(settings));
        save(**topic);
    } else if (with_defaults((*topic)->settings()) != with_defaults(settings)) {
        return fail(Error::topic_exists);
    }
    return topic;
}

/// The topic of that name, however configured, or a new one.
Result<TopicPtr> TopicRegistry::find_or_add(std::string_view name, const TopicSettings& settings, bool configured) {
    if (!is_valid_name(name)) {
        return fail(Error::bad_topic_name);
    }
    Result<TopicPtr> topic = fail(Error::memory_full);
    {
        const std::unique_lock lock(mutex_);
        topic = add(name, settings, configured);
    }
    if (!topic && topic.error() == Error::memory_full && reclaim(topic_overhead_bytes + name.size())) {
        const std::unique_lock lock(mutex_);
        topic = add(name, settings, configured);
    }
    if (!topic && topic.error() == Error::memory_full) {
        environment_.counters.memory_full.add();
    } else if (!topic && topic.error() == Error::too_many_topics) {
        environment_.counters.topics_refused.add();
    }
    return topic;
}

/// Under the lock. Errors: too_many_topics, memory_full, topic_busy.
Result<TopicPtr> TopicRegistry::add(std::string_view name, const TopicSettings& settings, bool configured) {
    if (TopicPtr topic = find_locked(name)) {
        return topic;
    }
    if (removing_.contains(name)) {
        return fail(Error::topic_busy);  // a crash now would leave two of this name
    }
    if (topics_.size() >= environment_.limits.topics_max) {
        return fail(Error::too_many_topics);
    }
    MemoryCharge charge(environment_.memory);
    if (!charge.resize(topic_overhead_bytes + 2 * name.size())) {
        return fail(Error::memory_full);
    }
    // What a memory topic held is gone when it is created again, here or after a restart: seconds since 1970 are above
    // the epochs of earlier runs, and the last one given plus one above those of this run.
    const auto seconds = std::chrono::floor<std::chrono::seconds>(environment_.clock.wall_now().time_since_epoch());
    last_epoch_ = Epoch{std::max(static_cast<std::uint32_t>(seconds.count()), last_epoch_.value + 1)};
    const StoredTopic stored{.id = environment_.random.topic_id(),
                             .name = std::string(name),
                             .settings = with_defaults(settings),
                             .configured = configured};
    const TopicPtr topic = make_topic(stored, last_epoch_);
    if (topic->is_stored()) {
        storage_->create(stored, last_epoch_,
                         [this, topic](Result<TopicBacking> backing) { backed(topic, std::move(backing)); });
    }
    insert_locked(topic, std::move(charge));
    return topic;
}

TopicPtr TopicRegistry::make_topic(const StoredTopic& topic, Epoch epoch) {
    const bool is_stored = topic.settings.store != Store::memory;
    return std::make_shared<TopicController>(
        topic.name, topic.id, epoch, topic.settings, topic.configured, environment_,
        [this](const TopicPtr& due_topic, Timestamp due) { schedule_.schedule(due_topic, due); },
        [this](std::uint64_t bytes) { return reclaim(bytes); }, is_stored ? &storage_->catch_up_memory() : nullptr);
}

/// Thread: a log's. A new topic has its log, or cannot have one: then it goes.
void TopicRegistry::backed(const TopicPtr& topic, Result<TopicBacking> backing) {
    if (!backing) {
        const std::unique_lock lock(mutex_);
        const auto found = topics_.find(topic->name());
        if (found != topics_.end() && found->second.topic == topic) {
            erase_locked(found);
        }
    }
    topic->attach(std::move(backing));
}

void TopicRegistry::save(const TopicController& topic) {
    if (topic.is_stored()) {
        storage_->save({.id = topic.id(),
                        .name = topic.name(),
                        .settings = topic.settings(),
                        .configured = topic.is_configured()});
    }
}

void TopicRegistry::when_kept(const TopicPtr& topic, MessageLog::Done done) {
    topic->when_ready([this, topic, done = std::move(done)](std::error_code error) {
        if (error) {
            done(error);
        } else {
            storage_->flush(topic->id(), done);
        }
    });
}

Result<TopicPtr> TopicRegistry::alter(std::string_view name, const std::function<void(TopicSettings&)>& change) {
    const std::unique_lock lock(mutex_);  // two changes at once must not undo each other
    const TopicPtr topic = find_locked(name);
    if (!topic) {
        return fail(Error::unknown_topic);
    }
    TopicSettings settings = topic->settings();
    change(settings);
    if (const std::error_code error = check_settings(settings)) {
        return tl::unexpected(error);
    }
    topic->configure(settings);
    save(*topic);
    return topic;
}

std::error_code TopicRegistry::remove(std::string_view name, MessageLog::Done done) {
    TopicPtr topic;
    {
        const std::unique_lock lock(mutex_);
        const auto found = topics_.find(name);
        if (found == topics_.end()) {
            return Error::unknown_topic;
        }
        topic = found->second.topic;
        erase_locked(found);
        if (topic->is_stored()) {
            removing_.insert(topic->name());
        }
    }
    topic->mark_deleted();
    schedule_.remove(*topic);
    if (topic->is_stored()) {
        topic->close([this, topic, done = std::move(done)](std::error_code) {
            storage_->remove({.id = topic->id(), .name = topic->name(), .settings = topic->settings()});
            storage_->flush(topic->id(),
                            [this, topic, done](std::error_code error) { removed(topic->name(), error, done); });
        });
    }
    return {};
}

/// Thread: a log's.
void TopicRegistry::removed(const std::string& name, std::error_code error, const MessageLog::Done& done) {
    if (done) {
        done(error);
    }
    std::shared_ptr<void> waits;  // let go of after the lock: this registry may go with it
    const std::unique_lock lock(mutex_);
    removing_.erase(name);
    if (removing_.empty()) {
        waits = std::move(close_waits_);
    }
}

std::vector<TopicPtr> TopicRegistry::list(std::string_view after, std::size_t limit) const {
    std::vector<TopicPtr> listed;
    const std::shared_lock lock(mutex_);
    listed.reserve(std::min(limit, in_order_.size()));
    for (auto at = in_order_.upper_bound(after); at != in_order_.end() && listed.size() < limit; ++at) {
        listed.push_back(*at->second);
    }
    return listed;
}

std::size_t TopicRegistry::size() const {
    const std::shared_lock lock(mutex_);
    return topics_.size();
}

// --- Reclaiming

/// By name where the bytes are equal, so that the same run evicts the same records.
bool TopicRegistry::is_smaller(const SizedTopic& left, const SizedTopic& right) noexcept {
    return left.bytes != right.bytes ? left.bytes < right.bytes : left.topic->name() > right.topic->name();
}

/// Those with the most charged bytes, the largest first.
std::vector<TopicRegistry::SizedTopic> TopicRegistry::largest_topics(std::size_t most) const {
    std::vector<SizedTopic> sized;
    {
        const std::shared_lock lock(mutex_);
        sized.reserve(topics_.size());
        for (const auto& [name, entry] : topics_) {
            if (const std::uint64_t bytes = entry.topic->charged_bytes(); bytes != 0) {
                sized.push_back({bytes, entry.topic});
            }
        }
    }
    const std::size_t count = std::min(most, sized.size());
    const auto is_larger = [](const SizedTopic& left, const SizedTopic& right) { return is_smaller(right, left); };
    std::partial_sort(sized.begin(), sized.begin() + static_cast<std::ptrdiff_t>(count), sized.end(), is_larger);
    sized.erase(sized.begin() + static_cast<std::ptrdiff_t>(count), sized.end());
    return sized;
}

bool TopicRegistry::reclaim(std::uint64_t bytes) {
    const MemoryBudget& memory = environment_.memory;
    const auto has_room = [&] { return memory.bytes_max() - memory.used_bytes() >= bytes; };
    const std::lock_guard lock(reclaim_mutex_);
    if (has_room()) {
        return true;  // whoever had the mutex before has freed enough
    }
    std::vector<SizedTopic> topics = largest_topics(std::max(reclaim_topics_min, size() / reclaim_topics_share));
    const std::uint64_t wanted = std::max(bytes, memory.bytes_max() / reclaim_share);
    std::uint64_t freed = 0;
    while (freed < wanted && !topics.empty()) {  // a heap: sorted as they are, they are one
        std::pop_heap(topics.begin(), topics.end(), is_smaller);
        SizedTopic& largest = topics.back();
        const std::uint64_t evicted = largest.topic->evict_oldest_block();
        freed += evicted;
        if (evicted == 0) {
            topics.pop_back();
        } else {
            largest.bytes = largest.topic->charged_bytes();
            std::push_heap(topics.begin(), topics.end(), is_smaller);
        }
    }
    if (freed == 0) {
        // The largest may be stored topics whose logs do not have their records yet: then others have to give.
        for (const SizedTopic& other : largest_topics(size())) {
            freed += other.topic->evict_oldest_block();
            if (freed >= wanted) {
                break;
            }
        }
    }
    return freed > 0;
}

}  // namespace leveret
