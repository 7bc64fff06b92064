#include "message_log/rocksdb/rocksdb_database.hpp"

#include <array>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <filesystem>
#include <utility>

#include <asio/post.hpp>
#include <fcntl.h>
#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/env.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/write_buffer_manager.h>
#include <unistd.h>

namespace leveret {
namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20U;
constexpr std::size_t write_buffers_bytes = 64 * mebibyte;
constexpr std::size_t block_cache_bytes = 32 * mebibyte;
constexpr std::size_t group_bytes_max = 8 * mebibyte;

/// Instead of RocksDB's LOG file: a build with assertions, such as Debian's, ends the process at the first line after
/// one that the disk had no room for.
class FindingLogger final : public rocksdb::Logger {
  public:
    explicit FindingLogger(std::function<void(const std::string&)> on_finding)
        : rocksdb::Logger(rocksdb::InfoLogLevel::ERROR_LEVEL), on_finding_(std::move(on_finding)) {}

    using rocksdb::Logger::Logv;
    void Logv(const char* text, va_list arguments) override {
        std::array<char, 1024> line{};
        if (on_finding_ && std::vsnprintf(line.data(), line.size(), text, arguments) > 0) {
            on_finding_("RocksDB: " + std::string(line.data()));
        }
    }
    void LogHeader(const char*, va_list) override {}

  private:
    const std::function<void(const std::string&)> on_finding_;
};

rocksdb::DBOptions database_options(const RocksDbStoreSettings& settings) {
    rocksdb::DBOptions options;
    options.info_log = std::make_shared<FindingLogger>(settings.on_finding);
    options.create_if_missing = true;
    options.create_missing_column_families = true;
    options.max_open_files = static_cast<int>(settings.open_files_max);
    options.max_background_jobs = 2;
    options.write_buffer_manager = std::make_shared<rocksdb::WriteBufferManager>(write_buffers_bytes);
    // The meta family gets little and would hold on to write-ahead logs for long.
    options.max_total_wal_size = write_buffers_bytes;
    // Nothing is retried after a failed write: nobody knows what of it has reached the disk.
    options.max_bgerror_resume_count = 0;
    options.bytes_per_sync = mebibyte;
    options.max_manifest_file_size = 16 * mebibyte;
    options.stats_dump_period_sec = 0;
    options.stats_persist_period_sec = 0;
    return options;
}

/// Makes it if need be, its name durable in its parent: RocksDB itself syncs what is in it, and no more.
std::error_code make_directory(const std::string& directory) {
    std::error_code error;
    std::filesystem::create_directory(directory, error);
    if (error) {
        return error;
    }
    const std::filesystem::path parent = std::filesystem::absolute(directory).lexically_normal().parent_path();
    const int descriptor = ::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0 || ::fsync(descriptor) != 0) {
        error.assign(errno, std::generic_category());
    }
    (void)::close(descriptor);
    return error;
}

rocksdb::ColumnFamilyOptions family_options(std::size_t write_buffer_bytes,
                                            const std::shared_ptr<rocksdb::Cache>& block_cache) {
    rocksdb::BlockBasedTableOptions table;
    table.block_cache = block_cache;
    table.block_size = std::size_t{16} << 10U;
    table.cache_index_and_filter_blocks = true;
    rocksdb::ColumnFamilyOptions options;
    options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    options.compression = rocksdb::kNoCompression;
    options.write_buffer_size = write_buffer_bytes;
    options.max_write_buffer_number = 3;
    options.level_compaction_dynamic_level_bytes = true;
    return options;
}

}  // namespace

std::error_code error_of(const rocksdb::Status& status) {
    if (status.ok()) {
        return {};
    }
    if (status.IsCorruption() || status.IsInvalidArgument() || status.IsNotSupported()) {
        return Error::bad_log;
    }
    if (status.IsNoSpace()) {
        return make_error_code(std::errc::no_space_on_device);
    }
    if (status.IsNotFound() || status.IsPathNotFound()) {
        return make_error_code(std::errc::no_such_file_or_directory);
    }
    return make_error_code(std::errc::io_error);
}

RocksDbDatabase::RocksDbDatabase(const std::string& directory, LogExecutors executors, Counters& counters,
                                 RocksDbStoreSettings settings)
    : executors_(std::move(executors)),
      counters_(counters),
      settings_(std::move(settings)),
      room_(directory, settings_.room_margin_bytes) {}

Result<std::shared_ptr<RocksDbDatabase>> RocksDbDatabase::open(const std::string& directory, LogExecutors executors,
                                                               Counters& counters, RocksDbStoreSettings settings) {
    const std::shared_ptr<RocksDbDatabase> database(
        new RocksDbDatabase(directory, std::move(executors), counters, std::move(settings)));
    if (const std::error_code error = make_directory(directory)) {
        return tl::unexpected(error);
    }
    const rocksdb::Status status = guarded([&] {
        const std::shared_ptr<rocksdb::Cache> cache = rocksdb::NewLRUCache(block_cache_bytes);
        const std::vector<rocksdb::ColumnFamilyDescriptor> families{
            {rocksdb::kDefaultColumnFamilyName, family_options(16 * mebibyte, cache)},
            {"meta", family_options(4 * mebibyte, cache)}};
        rocksdb::DB* db = nullptr;
        const rocksdb::Status opened =
            rocksdb::DB::Open(database_options(database->settings_), directory, families, &database->families_, &db);
        database->db_.reset(db);
        return opened;
    });
    if (!status.ok()) {
        database->tell("RocksDB cannot open " + directory + ": " + status.ToString());
        return tl::unexpected(error_of(status));
    }
    return database;
}

RocksDbDatabase::~RocksDbDatabase() {
    for (rocksdb::ColumnFamilyHandle* family : families_) {
        (void)db_->DestroyColumnFamilyHandle(family);
    }
}

void RocksDbDatabase::submit(RocksDbWrite write) {
    const std::scoped_lock lock(mutex_);
    waiting_.push_back(std::move(write));
    if (!std::exchange(is_writing_, true)) {
        asio::post(executors_.write, [self = shared_from_this()] { self->carry_out_group(); });
    }
}

/// As many as fit into one batch, at least one.
std::vector<RocksDbWrite> RocksDbDatabase::take_group() {
    const std::scoped_lock lock(mutex_);
    std::vector<RocksDbWrite> group;
    std::uint64_t bytes = 0;
    while (!waiting_.empty() && (group.empty() || bytes + waiting_.front().bytes <= group_bytes_max)) {
        bytes += waiting_.front().bytes;
        group.push_back(std::move(waiting_.front()));
        waiting_.pop_front();
    }
    return group;
}

void RocksDbDatabase::carry_out_group() {
    const std::vector<RocksDbWrite> group = take_group();
    bool sync = false;
    std::error_code error = failure();
    if (!error) {
        batch_.Clear();
        for (const RocksDbWrite& write : group) {
            sync = write.fill(batch_) || sync;
        }
        error = write(batch_, sync);
    }
    for (const RocksDbWrite& write : group) {
        write.done(error, sync);
    }
    const std::scoped_lock lock(mutex_);
    is_writing_ = !waiting_.empty();
    if (is_writing_) {
        asio::post(executors_.write, [self = shared_from_this()] { self->carry_out_group(); });
    }
}

std::error_code RocksDbDatabase::failure() {
    const std::scoped_lock lock(mutex_);
    return has_failed_ ? make_error_code(Error::log_failed) : std::error_code{};
}

std::error_code RocksDbDatabase::write(rocksdb::WriteBatch& batch, bool sync) {
    if (const std::error_code error = failure()) {
        return error;
    }
    const rocksdb::Status status = guarded([&] {
        if (batch.Count() == 0) {
            return sync ? db_->SyncWAL() : rocksdb::Status::OK();
        }
        rocksdb::WriteOptions options;
        options.sync = sync;
        return db_->Write(options, &batch);
    });
    counters_.log_syncs.add(sync ? 1 : 0);
    if (status.ok()) {
        return {};
    }
    {
        const std::scoped_lock lock(mutex_);
        has_failed_ = true;
    }
    tell("RocksDB cannot write, and all logs that it keeps have stopped: " + status.ToString());
    return Error::log_failed;
}

std::unique_ptr<rocksdb::Iterator> RocksDbDatabase::iterate(rocksdb::ColumnFamilyHandle* family,
                                                            const rocksdb::Slice* first,
                                                            const rocksdb::Slice* end) const {
    rocksdb::ReadOptions options;
    options.iterate_lower_bound = first;
    options.iterate_upper_bound = end;
    return std::unique_ptr<rocksdb::Iterator>(db_->NewIterator(options, family));
}

rocksdb::Status RocksDbDatabase::get(const std::string& meta_key, std::string& value) const {
    return guarded([&] { return db_->Get({}, meta(), meta_key, &value); });
}

void RocksDbDatabase::drop_files(const rocksdb::Slice& first, const rocksdb::Slice& end) {
    (void)guarded([&] { return rocksdb::DeleteFilesInRange(db_.get(), records(), &first, &end, false); });
}

void RocksDbDatabase::tell(const std::string& finding) const {
    if (settings_.on_finding) {
        settings_.on_finding(finding);
    }
}

std::string RocksDbDatabase::name_of(const TopicId& topic, PartitionId partition) const {
    const std::string name = settings_.topic_name ? settings_.topic_name(topic) : topic.to_string();
    return "Topic " + name + ", partition " + std::to_string(partition.value);
}

}  // namespace leveret
