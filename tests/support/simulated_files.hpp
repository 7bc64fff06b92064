// Files on a SimulatedDisk: every call is recorded, and any call can be made to fail.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "message_log/files.hpp"
#include "support/simulated_disk.hpp"

namespace leveret::test {

/// What one call answers instead of doing its work.
struct Fault {
    std::uint64_t call = 1;                 ///< which one, counted from 1 among those that match from now on
    std::optional<Operation::Kind> kind{};  ///< nothing: every kind except close, which cannot fail
    std::string path_part{};                ///< only calls on paths that contain this
    std::error_code error{};                ///< none: a read or write that does half of its work
    std::error_code then{};                 ///< the next call of that kind on that file fails with this
};

/// Deterministic. A failed sync loses what it was for, for good, as Linux does: reads still see it and the next sync
/// succeeds. For one thread. Files that were opened may outlive this object.
class SimulatedFiles final : public Files {
  public:
    explicit SimulatedFiles(SimulatedDisk disk = {});

    [[nodiscard]] Result<std::unique_ptr<File>> open(const std::string& path, Open how) override;
    [[nodiscard]] std::error_code rename(const std::string& from, const std::string& to) override;
    [[nodiscard]] std::error_code remove(const std::string& path) override;
    [[nodiscard]] std::error_code make_directory(const std::string& path) override;
    [[nodiscard]] std::error_code sync_directory(const std::string& path) override;
    [[nodiscard]] Result<std::vector<Entry>> list(const std::string& path) override;
    [[nodiscard]] Result<std::unique_ptr<Lock>> lock(const std::string& path) override;
    [[nodiscard]] Result<std::uint64_t> free_bytes() override;

    /// As it is now. Its capacity may be changed at any time.
    [[nodiscard]] SimulatedDisk& disk() noexcept;
    /// As it was when this object was made: where replaying operations() begins.
    [[nodiscard]] const SimulatedDisk& first_disk() const noexcept;
    /// All calls since then, in their order, failed ones too. Valid until the next call.
    [[nodiscard]] const std::vector<Operation>& operations() const noexcept;

    /// The latest one counts.
    void fail(Fault fault);
    /// The call that has been made to fail, if it has come.
    [[nodiscard]] const std::optional<Operation>& failed_call() const noexcept;
    /// Write-back of this file fails in the background: what was not synced is lost, and each descriptor that is open
    /// now says so (EIO) at its next sync. One that is opened later claims success.
    void fail_write_back(const std::string& path);

    struct State;

  private:
    std::shared_ptr<State> state_;
};

}  // namespace leveret::test
