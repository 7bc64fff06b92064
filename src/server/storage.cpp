#include "server/storage.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

#include <asio/steady_timer.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "message_log/data_format.hpp"
#include "message_log/rocksdb/rocksdb_store.hpp"
#include "message_log/segment/segment_store.hpp"
#include "server/open_files.hpp"

namespace leveret {
namespace {

StartFailure unusable(const std::string& data_dir, std::error_code error) {
    if (error == std::errc::resource_unavailable_try_again) {
        return {error,
                fmt::format("the data directory {} is in use by another server: give this one its own", data_dir)};
    }
    std::string why = error.message();
    if (error == std::errc::file_exists) {
        why = "it is no directory";
    } else if (error == std::errc::no_such_file_or_directory) {
        why = "the directory that it would be made in does not exist";
    }
    return {error, fmt::format("the data directory {} cannot be used: {}", data_dir, why)};
}

}  // namespace

tl::expected<std::unique_ptr<Storage>, StartFailure> Storage::open(const StorageOptions& options,
                                                                   const Environment& environment,
                                                                   asio::any_io_executor executor) {
    std::error_code error;
    std::filesystem::create_directory(options.data_dir, error);
    if (!error && !std::filesystem::is_directory(options.data_dir, error) && !error) {
        error = std::make_error_code(std::errc::not_a_directory);
    }
    if (error) {
        return tl::unexpected(unusable(options.data_dir, error));
    }
    std::unique_ptr<Files> files = make_posix_files(options.data_dir);
    const auto foreign = foreign_entry(*files);  // before the lock leaves a file among what is not ours
    if (!foreign) {
        return tl::unexpected(unusable(options.data_dir, foreign.error()));
    }
    if (!foreign->empty()) {
        return tl::unexpected(StartFailure{
            std::make_error_code(std::errc::directory_not_empty),
            fmt::format("the data directory {} has {} in it and no leveret.json: give a new or an empty directory",
                        options.data_dir, *foreign)});
    }
    auto lock = files->lock("lock");
    if (!lock) {
        return tl::unexpected(unusable(options.data_dir, lock.error()));
    }
    const DataFormatCheck format = check_data_format(*files);
    if (format.error && format.error != std::errc::no_such_file_or_directory) {
        return tl::unexpected(StartFailure{
            format.error, fmt::format("the data directory cannot be used: {}/{}", options.data_dir, format.text)});
    }
    MemoryCharge charge(environment.memory);
    if (!charge.resize(environment.limits.catch_up_bytes_max)) {
        return tl::unexpected(StartFailure{
            make_error_code(Error::memory_full),
            fmt::format(
                "catch_up_bytes_max={} does not fit into memory_bytes_max={}: lower the first or raise the other",
                environment.limits.catch_up_bytes_max, environment.memory.bytes_max())});
    }
    return std::unique_ptr<Storage>(
        new Storage(options, environment, std::move(executor), std::move(files), std::move(*lock), std::move(charge)));
}

Storage::Storage(const StorageOptions& options, const Environment& environment, asio::any_io_executor executor,
                 std::unique_ptr<Files> files, std::unique_ptr<Files::Lock> lock, MemoryCharge catch_up_charge)
    : options_(options),
      environment_(environment),
      files_(std::move(files)),
      lock_(std::move(lock)),
      catch_up_charge_(std::move(catch_up_charge)),
      pending_(environment.limits.pending_bytes_max),
      write_pool_(executor ? nullptr : std::make_unique<asio::thread_pool>(std::max(options.write_threads, 1U))),
      read_pool_(executor ? nullptr : std::make_unique<asio::thread_pool>(std::max(options.read_threads, 1U))),
      executors_{.write = executor ? executor : asio::any_io_executor(write_pool_->get_executor()),
                 .read = executor ? executor : asio::any_io_executor(read_pool_->get_executor())},
      catch_up_pace_(std::make_shared<CatchUpPace>(environment, executors_.read)),
      catch_up_memory_(catch_up_charge_.bytes(), &environment.counters.catch_up_waits, catch_up_pace_.get()),
      topics_(
          *files_, [this](Store kind) { return store(kind); }, executors_, catch_up_memory_, pending_) {
    // A log sets a timer when files are short. The first one of a pool opens three: so it is set now.
    const asio::steady_timer first(executors_.write);
}

Storage::~Storage() {
    join();
}

void Storage::join() {
    catch_up_pace_->stop();
    for (asio::thread_pool* const pool : {write_pool_.get(), read_pool_.get()}) {
        if (pool != nullptr) {
            pool->join();
        }
    }
}

Result<LogStore*> Storage::store(Store kind) {
    const auto topic_name = [this](const TopicId& id) { return topics_.name_of(id); };
    const auto on_finding = [](const std::string& finding) { spdlog::error("{}", finding); };
    const OpenFiles shares = share_open_files(open_files_limit(), environment_.limits.connections_max, options_);
    const std::lock_guard lock(mutex_);
    if (kind == Store::file) {
        if (segments_ == nullptr) {
            segments_ = make_segment_store(*files_, executors_, environment_.counters,
                                           {.segment_bytes = options_.segment_bytes,
                                            .open_files_max = shares.logs,
                                            .boot_id = read_boot_id(),
                                            .data_dir_for_messages = options_.data_dir,
                                            .topic_name = topic_name,
                                            .on_finding = on_finding});
        }
        return segments_.get();
    }
    if (kind == Store::rocksdb) {
        if (rocksdb_ == nullptr) {
            auto opened = open_rocksdb_store(options_.data_dir + "/rocksdb", executors_, environment_.counters,
                                             {.open_files_max = shares.rocksdb,
                                              .boot_id = read_boot_id(),
                                              .topic_name = topic_name,
                                              .on_finding = on_finding});
            if (!opened) {
                return tl::unexpected(opened.error());
            }
            rocksdb_ = std::move(*opened);
        }
        return rocksdb_.get();
    }
    return fail(Error::not_supported);
}

}  // namespace leveret
