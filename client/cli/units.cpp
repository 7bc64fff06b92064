#include "units.hpp"

#include <array>
#include <charconv>
#include <limits>

#include <fmt/chrono.h>
#include <fmt/core.h>

namespace leveret::cli {
namespace {

using namespace std::chrono_literals;

tl::unexpected<std::string> wrong(std::string sentence) {
    return tl::unexpected<std::string>(std::move(sentence));
}

/// Takes the digits off the front of `text`; nothing where there are none or they do not fit.
std::optional<std::uint64_t> take_number(std::string_view& text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc()) {
        return std::nullopt;
    }
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return value;
}

std::string_view take_letters(std::string_view& text) {
    const std::string_view letters = text.substr(0, text.find_first_of("0123456789"));
    text.remove_prefix(letters.size());
    return letters;
}

struct DurationUnit {
    std::string_view name;
    std::chrono::microseconds length;
};
constexpr std::array<DurationUnit, 6> duration_units{
    {{"us", 1us}, {"ms", 1ms}, {"s", 1s}, {"m", 1min}, {"h", 1h}, {"d", 24h}}};

struct ByteUnit {
    std::string_view name;
    std::uint64_t bytes;
};
constexpr std::array<ByteUnit, 12> byte_units{{{"", 1},
                                               {"B", 1},
                                               {"kB", 1'000},
                                               {"MB", 1'000'000},
                                               {"GB", 1'000'000'000},
                                               {"KiB", 1U << 10U},
                                               {"MiB", 1U << 20U},
                                               {"GiB", 1U << 30U},
                                               {"K", 1U << 10U},
                                               {"M", 1U << 20U},
                                               {"G", 1U << 30U},
                                               {"KB", 1'000}}};

template <class Units>
auto find_unit(const Units& units, std::string_view name) -> decltype(units.data()) {
    for (const auto& unit : units) {
        if (unit.name == name) {
            return &unit;
        }
    }
    return nullptr;
}

/// Exactly `digits` digits followed by `separator` (0: by anything), taken off the front.
std::optional<unsigned> take_field(std::string_view& text, std::size_t digits, char separator) {
    unsigned value = 0;
    if (text.size() < digits || (separator != 0 && (text.size() <= digits || text[digits] != separator))) {
        return std::nullopt;
    }
    const auto [end, error] = std::from_chars(text.data(), text.data() + digits, value);
    if (error != std::errc() || end != text.data() + digits) {
        return std::nullopt;
    }
    text.remove_prefix(digits + (separator != 0 ? 1 : 0));
    return value;
}

std::optional<std::chrono::sys_days> take_date(std::string_view& text) {
    const auto year = take_field(text, 4, '-');
    const auto month = year ? take_field(text, 2, '-') : std::nullopt;
    const auto day = month ? take_field(text, 2, 0) : std::nullopt;
    if (!day) {
        return std::nullopt;
    }
    const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)), std::chrono::month(*month),
                                           std::chrono::day(*day)};
    return date.ok() ? std::optional<std::chrono::sys_days>(date) : std::nullopt;
}

/// ".123" as microseconds; nothing is taken where there is no point.
std::optional<std::chrono::microseconds> take_fraction(std::string_view& text) {
    if (!text.starts_with('.')) {
        return 0us;
    }
    text.remove_prefix(1);
    std::int64_t value = 0;
    std::int64_t scale = 1'000'000;
    std::size_t digits = 0;
    for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9'; ++digits) {
        if (scale > 1) {
            value = value * 10 + (text[digits] - '0');
            scale /= 10;
        }
    }
    text.remove_prefix(digits);
    return digits == 0 ? std::nullopt : std::optional(std::chrono::microseconds(value * scale));
}

std::optional<std::chrono::microseconds> take_time_of_day(std::string_view& text) {
    const auto hour = take_field(text, 2, ':');
    const auto minute = hour ? take_field(text, 2, ':') : std::nullopt;
    const auto second = minute ? take_field(text, 2, 0) : std::nullopt;
    const auto fraction = second ? take_fraction(text) : std::nullopt;
    if (!fraction || *hour > 23 || *minute > 59 || *second > 60) {
        return std::nullopt;
    }
    return std::chrono::hours(*hour) + std::chrono::minutes(*minute) + std::chrono::seconds(*second) + *fraction;
}

/// "Z", "+02:00", or nothing for UTC; takes everything that is left.
std::optional<std::chrono::minutes> take_zone(std::string_view& text) {
    if (text.empty() || text == "Z") {
        text = {};
        return 0min;
    }
    const bool east = text.front() == '+';
    if (!east && text.front() != '-') {
        return std::nullopt;
    }
    text.remove_prefix(1);
    const auto hours = take_field(text, 2, ':');
    const auto minutes = hours ? take_field(text, 2, 0) : std::nullopt;
    if (!minutes || !text.empty() || *hours > 23 || *minutes > 59) {
        return std::nullopt;
    }
    const std::chrono::minutes shift = std::chrono::hours(*hours) + std::chrono::minutes(*minutes);
    return east ? shift : -shift;
}

}  // namespace

Parsed<std::chrono::microseconds> parse_duration(std::string_view text) {
    if (text == "0") {
        return 0us;
    }
    const std::string whole(text);
    std::int64_t total_us = 0;
    if (text.empty()) {
        return wrong("a duration is a number and a unit, such as 10s");
    }
    while (!text.empty()) {
        const auto number = take_number(text);
        const DurationUnit* unit = number ? find_unit(duration_units, take_letters(text)) : nullptr;
        if (unit == nullptr) {
            return wrong(fmt::format("'{}' is no duration: write 250us, 500ms, 10s, 5m, 2h, 7d or 1h30m", whole));
        }
        std::int64_t part_us = 0;
        if (__builtin_mul_overflow(*number, unit->length.count(), &part_us) ||
            __builtin_add_overflow(total_us, part_us, &total_us)) {
            return wrong(fmt::format("'{}' is too long a time", whole));
        }
    }
    return std::chrono::microseconds(total_us);
}

Parsed<std::uint64_t> parse_bytes(std::string_view text) {
    const std::string whole(text);
    const auto number = take_number(text);
    const ByteUnit* unit = number ? find_unit(byte_units, text) : nullptr;
    if (unit == nullptr) {
        return wrong(fmt::format("'{}' is no size: write 512, 10kB, 64KiB, 64MiB or 1GiB", whole));
    }
    std::uint64_t bytes = 0;
    if (__builtin_mul_overflow(*number, unit->bytes, &bytes)) {
        return wrong(fmt::format("'{}' is too large a size", whole));
    }
    return bytes;
}

Parsed<std::uint64_t> parse_number(std::string_view text, std::uint64_t least) {
    std::string_view rest = text;
    const auto number = take_number(rest);
    if (!number || !rest.empty() || *number < least) {
        return wrong(fmt::format("'{}' is not a whole number from {} to {}", text, least,
                                 std::numeric_limits<std::uint64_t>::max()));
    }
    return *number;
}

Parsed<Timestamp> parse_time(std::string_view text) {
    const std::string whole(text);
    const auto sentence = [&] {
        return wrong(fmt::format("'{}' is no time: write 2024-05-01T12:00:00Z or 2024-05-01", whole));
    };
    const auto date = take_date(text);
    if (!date) {
        return sentence();
    }
    if (text.empty()) {
        return Timestamp(*date);
    }
    if (text.front() != 'T' && text.front() != ' ') {
        return sentence();
    }
    text.remove_prefix(1);
    const auto time_of_day = take_time_of_day(text);
    const auto zone = time_of_day ? take_zone(text) : std::nullopt;
    if (!zone) {
        return sentence();
    }
    return Timestamp(*date) + *time_of_day - *zone;
}

Parsed<From> parse_from(std::string_view text, Timestamp now) {
    if (text == "latest") {
        return From::latest();
    }
    if (text == "earliest") {
        return From::earliest();
    }
    if (text.starts_with('-')) {
        const auto ago = parse_duration(text.substr(1));
        if (!ago) {
            return wrong(ago.error());
        }
        return From::timestamp(now - *ago);
    }
    std::string_view rest = text;
    if (const auto offset = take_number(rest); offset && rest.empty()) {
        return From::offset(Offset{*offset});
    }
    const auto time = parse_time(text);
    if (!time) {
        return wrong(fmt::format(
            "'{}' is no place to begin: write latest, earliest, an offset, 2024-05-01T12:00:00Z or -5m", text));
    }
    return From::timestamp(*time);
}

std::string format_time(Timestamp time) {
    const auto days = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date(days);
    const std::chrono::hh_mm_ss<std::chrono::microseconds> clock(time - days);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                       clock.minutes().count(), clock.seconds().count(), clock.subseconds().count());
}

std::string format_bytes(std::uint64_t bytes) {
    if (bytes < 1024) {
        return fmt::format("{} B", bytes);
    }
    constexpr std::array<std::string_view, 5> names{"KiB", "MiB", "GiB", "TiB", "PiB"};
    double value = static_cast<double>(bytes) / 1024;
    std::size_t unit = 0;
    while (value >= 1024 && unit + 1 < names.size()) {
        value /= 1024;
        ++unit;
    }
    return fmt::format("{:.3g} {}", value, names[unit]);
}

std::string format_duration(std::chrono::nanoseconds duration) {
    const auto value = static_cast<double>(duration.count());
    if (value < 1e3) {
        return fmt::format("{} ns", duration.count());
    }
    if (value < 1e6) {
        return fmt::format("{:.4g} us", value / 1e3);
    }
    if (value < 1e9) {
        return fmt::format("{:.4g} ms", value / 1e6);
    }
    return fmt::format("{:.4g} s", value / 1e9);
}

std::string format_exact_duration(std::chrono::milliseconds duration) {
    if (duration.count() == 0) {
        return "0";
    }
    std::string text;
    std::chrono::microseconds left = duration;
    // clang 14 cannot compile the reversed view of libstdc++ 12.  NOLINTNEXTLINE(modernize-loop-convert)
    for (auto unit = duration_units.rbegin(); unit != duration_units.rend(); ++unit) {
        if (const auto count = left / unit->length; count > 0) {
            text += fmt::format("{}{}", count, unit->name);
            left -= count * unit->length;
        }
    }
    return text;
}

CLI::Option* add_duration(CLI::App& command, const std::string& name, std::optional<std::chrono::milliseconds>& into,
                          const std::string& help) {
    const auto read = [&into, name](const std::string& text) {
        const auto duration = parse_duration(text);
        if (!duration) {
            throw CLI::ValidationError(name, duration.error());
        }
        into = std::chrono::ceil<std::chrono::milliseconds>(*duration);
    };
    return command.add_option_function<std::string>(name, read, help)->type_name("DURATION");
}

CLI::Option* add_bytes(CLI::App& command, const std::string& name, std::optional<std::uint64_t>& into,
                       const std::string& help) {
    const auto read = [&into, name](const std::string& text) {
        const auto bytes = parse_bytes(text);
        if (!bytes) {
            throw CLI::ValidationError(name, bytes.error());
        }
        into = *bytes;
    };
    return command.add_option_function<std::string>(name, read, help)->type_name("SIZE");
}

CLI::Option* add_number(CLI::App& command, const std::string& name, std::optional<std::uint64_t>& into,
                        const std::string& help, std::uint64_t least) {
    const auto read = [&into, name, least](const std::string& text) {
        const auto number = parse_number(text, least);
        if (!number) {
            throw CLI::ValidationError(name, number.error());
        }
        into = *number;
    };
    return command.add_option_function<std::string>(name, read, help)->type_name("NUMBER");
}

CLI::Option* add_from(CLI::App& command, From& into, const std::string& help) {
    const auto read = [&into](const std::string& text) {
        const auto now = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
        auto from = parse_from(text, now);
        if (!from) {
            throw CLI::ValidationError("--from", from.error());
        }
        into = *std::move(from);
    };
    return command.add_option_function<std::string>("--from", read, help)->type_name("WHERE");
}

}  // namespace leveret::cli
