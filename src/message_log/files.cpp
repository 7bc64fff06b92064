#include "message_log/files.hpp"

#include <algorithm>

#include "message_log/uninterrupted.hpp"

namespace leveret {
namespace {

constexpr std::size_t runs_per_call_max = 1024;

std::string parent_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

std::error_code write_run(File& file, std::uint64_t at, Bytes run) {
    while (!run.empty()) {
        const auto written = uninterrupted([&] { return file.write_some(at, {&run, 1}); });
        if (!written) {
            return written.error();
        }
        if (*written == 0) {
            return std::make_error_code(std::errc::io_error);
        }
        at += *written;
        run = run.subspan(*written);
    }
    return {};
}

std::error_code write_new_file(Files& files, const std::string& path, Bytes content) {
    const auto file = uninterrupted([&] { return files.open(path, Files::Open::overwrite); });
    if (!file) {
        return file.error();
    }
    if (const std::error_code error = write_run(**file, 0, content)) {
        return error;
    }
    return uninterrupted([&] { return (*file)->sync(); });
}

}  // namespace

bool is_want_of_files(const std::error_code& error) noexcept {
    return error == std::errc::too_many_files_open || error == std::errc::too_many_files_open_in_system;
}

Result<std::size_t> read_all(File& file, std::uint64_t at, std::span<std::byte> into) {
    std::size_t done = 0;
    while (done < into.size()) {
        const auto got = uninterrupted([&] { return file.read_some(at + done, into.subspan(done)); });
        if (!got) {
            return got;
        }
        if (*got == 0) {
            break;
        }
        done += *got;
    }
    return done;
}

std::error_code write_all(File& file, std::uint64_t at, std::span<const Bytes> runs) {
    while (!runs.empty()) {
        if (runs.front().empty()) {
            runs = runs.subspan(1);
            continue;
        }
        const auto part = runs.first(std::min(runs.size(), runs_per_call_max));
        const auto written = uninterrupted([&] { return file.write_some(at, part); });
        if (!written) {
            return written.error();
        }
        if (*written == 0) {
            return std::make_error_code(std::errc::io_error);
        }
        at += *written;
        std::size_t left = *written;
        while (!runs.empty() && left >= runs.front().size()) {
            left -= runs.front().size();
            runs = runs.subspan(1);
        }
        if (left > 0) {  // a short count has cut a run in two
            const Bytes rest = runs.front().subspan(left);
            if (const std::error_code error = write_run(file, at, rest)) {
                return error;
            }
            at += rest.size();
            runs = runs.subspan(1);
        }
    }
    return {};
}

Result<std::vector<std::byte>> read_file(Files& files, const std::string& path, std::size_t bytes_max) {
    const auto file = uninterrupted([&] { return files.open(path, Files::Open::read); });
    if (!file) {
        return tl::unexpected(file.error());
    }
    const auto size = uninterrupted([&] { return (*file)->size(); });
    if (!size) {
        return tl::unexpected(size.error());
    }
    if (*size > bytes_max) {
        return tl::unexpected(std::make_error_code(std::errc::file_too_large));
    }
    std::vector<std::byte> content(*size);
    const Result<std::size_t> got = read_all(**file, 0, content);
    if (!got) {
        return tl::unexpected(got.error());
    }
    content.resize(*got);
    return content;
}

std::error_code replace_file(Files& files, const std::string& path, Bytes content) {
    const std::string fresh = path + ".new";
    if (const std::error_code error = write_new_file(files, fresh, content)) {
        return error;
    }
    if (const std::error_code error = uninterrupted([&] { return files.rename(fresh, path); })) {
        return error;
    }
    return uninterrupted([&] { return files.sync_directory(parent_of(path)); });
}

}  // namespace leveret
