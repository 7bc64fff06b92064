#include <string>
#include <string_view>
#include <vector>

#include <catch2/catch.hpp>

#include "message_log/data_format.hpp"
#include "message_log/segment/read_only_files.hpp"
#include "message_log/topic_catalogue.hpp"
#include "support/simulated_files.hpp"

using namespace leveret;
using namespace leveret::test;

namespace {

StoredTopic topic(std::uint8_t id, std::string name) {
    StoredTopic topic{.id = {}, .name = std::move(name)};
    topic.id.bytes[15] = id;
    topic.settings = {.retention_ttl_ms = 60'000,
                      .compaction_window_ms = 5'000,
                      .retention_bytes = ~std::uint64_t{0},
                      .retention_records = 10,
                      .partitions = 3,
                      .store = Store::file,
                      .durability = Durability::interval,
                      .durability_interval_ms = 250};
    return topic;
}

/// A data directory that has been prepared.
struct CatalogueFixture {
    SimulatedFiles files;
    TopicCatalogue catalogue{files};
    CatalogueFixture() { REQUIRE_FALSE(catalogue.prepare()); }

    TopicCatalogue::Loaded load() {
        auto loaded = catalogue.load();
        REQUIRE(loaded);
        return *std::move(loaded);
    }
    void write(const std::string& path, std::string_view text) {
        REQUIRE_FALSE(replace_file(files, path, as_bytes(text)));
    }
    std::string read(const std::string& path) {
        const auto content = read_file(files, path, 1U << 20U);
        return content ? std::string(as_text(*content)) : "no such file";
    }
    std::vector<std::string> names(const std::string& directory) {
        std::vector<std::string> names;
        const auto entries = files.list(directory);
        REQUIRE(entries);
        for (const Files::Entry& entry : *entries) {
            names.push_back(entry.name);
        }
        return names;
    }
};

std::string json_path(const StoredTopic& topic) {
    return TopicCatalogue::directory_of(topic.id) + "/topic.json";
}

/// What a start finds after a power cut now.
TopicCatalogue::Loaded load_after_power_cut(SimulatedFiles& files) {
    SimulatedFiles survived(files.disk().after({.unsynced = Unsynced::lost}));
    TopicCatalogue catalogue(survived);
    REQUIRE_FALSE(catalogue.prepare());
    auto loaded = catalogue.load();
    REQUIRE(loaded);
    return *std::move(loaded);
}

}  // namespace

TEST_CASE_METHOD(CatalogueFixture, "TopicCatalogue: a new data directory has a format and no topics") {
    CHECK(read("leveret.json") == "{\"format\":1}\n");
    CHECK(load().topics.empty());
    CHECK_FALSE(catalogue.prepare());
}

TEST_CASE("TopicCatalogue: a data directory of another version is refused and stays as it is") {
    const auto* content = GENERATE(R"({"format": 2})", R"({"format": "1"})", "{}", "", "[1]");
    SimulatedFiles files;
    REQUIRE_FALSE(replace_file(files, "leveret.json", as_bytes(content)));
    CHECK(TopicCatalogue(files).prepare() == Error::bad_log);
    CHECK(as_text(*read_file(files, "leveret.json", 100)) == content);
    CHECK(files.list("")->size() == 1);
}

TEST_CASE("Data format: what the file says is told where it is none that is read here") {
    const auto [content, says] = GENERATE(table<std::string, std::string>({{R"({"format": 9})", "says format 9"},
                                                                           {R"({"format": "1"})", "says format \"1\""},
                                                                           {R"({"format": 1.0})", "says format 1.0"},
                                                                           {"x", "says no format"},
                                                                           {std::string(5000, ' '), "says no format"},
                                                                           {"{}", "says no format"}}));
    SimulatedFiles files;
    REQUIRE_FALSE(replace_file(files, "leveret.json", as_bytes(content)));
    const DataFormatCheck check = check_data_format(files);
    CHECK(check.error == Error::bad_log);
    CHECK(check.text == "leveret.json " + says + "; this leveret reads format 1");
}

TEST_CASE("Data format: a directory without one is told from a bad one") {
    SimulatedFiles files;
    CHECK(check_data_format(files).error == std::errc::no_such_file_or_directory);
    REQUIRE_FALSE(write_data_format(files));
    CHECK_FALSE(check_data_format(files).error);
}

TEST_CASE("Data format: a directory that has something else in it, and no format, is not ours") {
    SimulatedFiles files;
    CHECK(foreign_entry(files) == std::string());
    for (const char* const remains : {"lock", "lost+found", "rocksdb", "topics"}) {
        REQUIRE_FALSE(files.make_directory(remains));
    }
    CHECK(foreign_entry(files) == std::string());
    REQUIRE_FALSE(files.make_directory("photos"));
    REQUIRE_FALSE(files.make_directory("videos"));
    CHECK(foreign_entry(files) == std::string("photos"));
    REQUIRE_FALSE(write_data_format(files));
    CHECK(foreign_entry(files) == std::string());
}

TEST_CASE_METHOD(CatalogueFixture, "TopicCatalogue: what was saved is loaded, in the order of the names") {
    StoredTopic made_by_publish = topic(1, "b");
    made_by_publish.configured = false;
    made_by_publish.settings = {};
    const StoredTopic configured = topic(2, "#test#grüße \"/..\\");
    REQUIRE_FALSE(catalogue.save(made_by_publish));
    REQUIRE_FALSE(catalogue.save(configured));
    CHECK(load().topics == std::vector{configured, made_by_publish});
    CHECK(load().findings.empty());
}

TEST_CASE_METHOD(CatalogueFixture, "TopicCatalogue: topic.json is for people too") {
    REQUIRE_FALSE(catalogue.save(topic(0xAB, "prices")));
    CHECK(read("topics/000000000000000000000000000000ab/topic.json") == R"({
  "name": "prices",
  "retention_ttl_ms": 60000,
  "compaction_window_ms": 5000,
  "retention_bytes": 18446744073709551615,
  "retention_records": 10,
  "partitions": 3,
  "store": "file",
  "durability": "interval",
  "durability_interval_ms": 250,
  "configured": true,
  "checksum": 3871352383
}
)");
}

TEST_CASE_METHOD(CatalogueFixture, "TopicCatalogue: how the file is indented does not matter") {
    const StoredTopic saved = topic(1, "a");
    REQUIRE_FALSE(catalogue.save(saved));
    std::string json = read(json_path(saved));
    std::erase(json, '\n');
    write(json_path(saved), json);
    CHECK(load().topics == std::vector{saved});
}

TEST_CASE_METHOD(CatalogueFixture, "TopicCatalogue: saving again replaces the settings") {
    StoredTopic saved = topic(1, "a");
    REQUIRE_FALSE(catalogue.save(saved));
    saved.settings.retention_ttl_ms = 1;
    REQUIRE_FALSE(catalogue.save(saved));
    CHECK(load().topics == std::vector{saved});
}

TEST_CASE_METHOD(CatalogueFixture, "TopicCatalogue: what was saved survives a power cut") {
    const StoredTopic saved = topic(1, "a");
    REQUIRE_FALSE(catalogue.save(saved));
    CHECK(load_after_power_cut(files).topics == std::vector{saved});
}

TEST_CASE_METHOD(CatalogueFixture, "TopicCatalogue: what was removed stays removed after a power cut") {
    const StoredTopic saved = topic(1, "a");
    REQUIRE_FALSE(catalogue.save(saved));
    REQUIRE_FALSE(catalogue.remove(saved.id));
    const auto loaded = load_after_power_cut(files);
    CHECK(loaded.topics.empty());
    CHECK(loaded.findings.empty());
}

TEST_CASE_METHOD(CatalogueFixture, "TopicCatalogue: a flipped bit is found or changes nothing") {
    const StoredTopic saved = topic(1, "a");
    REQUIRE_FALSE(catalogue.save(saved));
    const SimulatedDisk whole = files.disk();
    const std::size_t bits = 8 * read(json_path(saved)).size();
    std::size_t found = 0;
    for (std::size_t bit = 0; bit < bits; ++bit) {
        SimulatedDisk spoilt = whole;
        spoilt.flip_bit(json_path(saved), bit);
        SimulatedFiles spoilt_files(spoilt);
        const auto loaded = TopicCatalogue(spoilt_files).load();
        REQUIRE(loaded);
        const bool is_as_before = loaded->topics == std::vector{saved} && loaded->findings.empty();
        const bool is_found = loaded->topics == std::vector{saved} && loaded->findings.size() == 1;
        REQUIRE((is_as_before || is_found));
        REQUIRE(spoilt_files.disk().find(json_path(saved)));
        found += is_found ? 1 : 0;
    }
    CHECK(found > bits / 2);
}

TEST_CASE_METHOD(CatalogueFixture, "TopicCatalogue: what is no topic's directory is a finding and stays") {
    const std::string valid_id(32, '0');
    REQUIRE_FALSE(files.make_directory("topics/notes"));
    REQUIRE_FALSE(files.make_directory("topics/notes.deleted"));
    REQUIRE_FALSE(files.make_directory("topics/" + std::string(32, 'A')));
    REQUIRE_FALSE(files.make_directory("topics/" + valid_id));
    REQUIRE_FALSE(files.make_directory("topics/" + valid_id + "/0"));
    write("topics/readme", "text");
    const auto before = files.disk().file_paths();
    CHECK(load().findings.size() == 5);
    CHECK(load().topics.empty());
    CHECK(files.disk().file_paths() == before);
    CHECK(names("topics").size() == 5);
    CHECK(names("topics/" + valid_id).size() == 1);
}

TEST_CASE_METHOD(CatalogueFixture, "TopicCatalogue: of two topics with one name, the later by id is a finding") {
    const StoredTopic first = topic(1, "a");
    const StoredTopic second = topic(2, "a");
    REQUIRE_FALSE(catalogue.save(second));
    REQUIRE_FALSE(catalogue.save(first));
    const auto loaded = load();
    CHECK(loaded.topics == std::vector{first});
    REQUIRE(loaded.findings.size() == 1);
    CHECK_THAT(loaded.findings.front(), Catch::StartsWith(TopicCatalogue::directory_of(second.id)));
    CHECK(files.disk().find(json_path(second)));
}

TEST_CASE_METHOD(CatalogueFixture, "TopicCatalogue: removing takes everything that the topic's directory has") {
    const StoredTopic kept = topic(1, "kept");
    const StoredTopic removed = topic(2, "removed");
    REQUIRE_FALSE(catalogue.save(kept));
    REQUIRE_FALSE(catalogue.save(removed));
    REQUIRE_FALSE(files.make_directory(TopicCatalogue::directory_of(removed.id) + "/0"));
    write(TopicCatalogue::directory_of(removed.id) + "/0/positions", "x");
    REQUIRE_FALSE(catalogue.remove(removed.id));
    CHECK(load().topics == std::vector{kept});
    CHECK(names("topics") == std::vector{kept.id.to_string()});
    CHECK(catalogue.remove(removed.id) == std::errc::no_such_file_or_directory);
}

TEST_CASE_METHOD(CatalogueFixture, "TopicCatalogue: a removal that was interrupted is finished by the next start") {
    const StoredTopic removed = topic(1, "a");
    REQUIRE_FALSE(catalogue.save(removed));
    files.fail({.kind = Operation::Kind::remove, .error = make_error_code(std::errc::io_error)});
    REQUIRE_FALSE(catalogue.remove(removed.id));
    REQUIRE(names("topics") == std::vector{removed.id.to_string() + ".deleted"});
    CHECK(load().topics.empty());
    CHECK(names("topics").empty());
}

TEST_CASE_METHOD(CatalogueFixture, "TopicCatalogue: a removal that cannot be finished is a finding") {
    REQUIRE_FALSE(catalogue.save(topic(1, "a")));
    files.fail({.kind = Operation::Kind::remove, .error = make_error_code(std::errc::io_error)});
    REQUIRE_FALSE(catalogue.remove(topic(1, "a").id));
    files.fail({.kind = Operation::Kind::remove, .error = make_error_code(std::errc::io_error)});
    CHECK(load().findings.size() == 1);
}

TEST_CASE_METHOD(CatalogueFixture, "TopicCatalogue: what an interrupted creation has left goes") {
    const std::string directory = TopicCatalogue::directory_of(topic(1, "a").id);
    REQUIRE_FALSE(files.make_directory(directory));
    REQUIRE(files.open(directory + "/topic.json.new", Files::Open::create));
    CHECK(load().findings.empty());
    CHECK(names("topics").empty());
}

TEST_CASE_METHOD(CatalogueFixture,
                 "TopicCatalogue: where topic.json is damaged or gone, its copy is read, and it is said") {
    StoredTopic saved = topic(1, "a");
    REQUIRE_FALSE(catalogue.save(saved));
    saved.settings.retention_ttl_ms = 1;
    REQUIRE_FALSE(catalogue.save(saved));
    SECTION("damaged") {
        write(json_path(saved), "{}");
    }
    SECTION("gone") {
        REQUIRE_FALSE(files.remove(json_path(saved)));
    }
    const auto loaded = load();
    CHECK(loaded.topics == std::vector{saved});
    REQUIRE(loaded.findings.size() == 1);
    CHECK(loaded.findings.front().find("is known by the copy of its topic.json") != std::string::npos);
    REQUIRE_FALSE(catalogue.save(saved));
    CHECK(load().findings.empty());
}

TEST_CASE_METHOD(CatalogueFixture, "TopicCatalogue: no copy is older than topic.json, whatever fails and is lost") {
    StoredTopic saved = topic(1, "a");
    const std::string copy_path = json_path(saved) + ".copy";
    REQUIRE_FALSE(catalogue.save(saved));
    write(copy_path, read(copy_path));  // durably
    saved.settings.retention_ttl_ms = 1;
    SECTION("the copy cannot be opened") {
        files.fail({.kind = Operation::Kind::open,
                    .path_part = copy_path,
                    .error = make_error_code(std::errc::too_many_files_open)});
    }
    SECTION("the copy cannot be written") {
        files.fail({.kind = Operation::Kind::write,
                    .path_part = copy_path,
                    .error = make_error_code(std::errc::no_space_on_device)});
    }
    SECTION("the machine stops") {}
    REQUIRE_FALSE(catalogue.save(saved));
    SimulatedDisk survived = files.disk().after({.unsynced = Unsynced::lost});
    survived.flip_bit(json_path(saved), 100);
    SimulatedFiles survived_files(survived);
    CHECK(TopicCatalogue(survived_files).load()->topics.empty());
}

TEST_CASE_METHOD(CatalogueFixture,
                 "TopicCatalogue: a copy that is all there is stays while topic.json is written anew") {
    const StoredTopic saved = topic(1, "a");
    REQUIRE_FALSE(catalogue.save(saved));
    write(json_path(saved), "{}");
    files.fail({.kind = Operation::Kind::write, .error = make_error_code(std::errc::no_space_on_device)});
    CHECK(catalogue.save(saved) == std::errc::no_space_on_device);
    CHECK(load().topics == std::vector{saved});
}

TEST_CASE_METHOD(CatalogueFixture, "TopicCatalogue: a start writes a copy that is missing or not the same") {
    const StoredTopic saved = topic(1, "a");
    const std::string copy_path = json_path(saved) + ".copy";
    REQUIRE_FALSE(catalogue.save(saved));
    SECTION("missing") {
        REQUIRE_FALSE(files.remove(copy_path));
    }
    SECTION("not the same") {
        write(copy_path, "{}");
    }
    CHECK(load().findings.empty());
    CHECK(read(copy_path) == read(json_path(saved)));
}

TEST_CASE_METHOD(CatalogueFixture, "TopicCatalogue: a copy that is not the same, and cannot be written, is a finding") {
    const StoredTopic saved = topic(1, "a");
    REQUIRE_FALSE(catalogue.save(saved));
    write(json_path(saved) + ".copy", "{}");
    ReadOnlyFiles unchanged(files);
    const auto loaded = TopicCatalogue(unchanged).load();
    REQUIRE(loaded);
    CHECK(loaded->topics == std::vector{saved});
    CHECK(loaded->findings ==
          std::vector{json_path(saved) + ".copy is not the same as topic.json; it was left as it is."});
}

TEST_CASE_METHOD(CatalogueFixture, "TopicCatalogue: one topic that cannot be read does not hide the others") {
    REQUIRE_FALSE(catalogue.save(topic(1, "a")));
    REQUIRE_FALSE(catalogue.save(topic(2, "b")));
    REQUIRE_FALSE(files.remove(json_path(topic(1, "a")) + ".copy"));
    files.fail({.kind = Operation::Kind::read, .error = make_error_code(std::errc::io_error)});
    const auto loaded = load();
    CHECK(loaded.topics == std::vector{topic(2, "b")});
    CHECK(loaded.findings.size() == 1);
}

TEST_CASE_METHOD(CatalogueFixture, "TopicCatalogue: a save that fails leaves what was there") {
    const StoredTopic saved = topic(1, "a");
    REQUIRE_FALSE(catalogue.save(saved));
    const auto kind = GENERATE(Operation::Kind::write, Operation::Kind::sync, Operation::Kind::rename);
    files.fail({.kind = kind, .error = make_error_code(std::errc::no_space_on_device)});
    CHECK(catalogue.save(topic(1, "other")) == std::errc::no_space_on_device);
    CHECK(load().topics == std::vector{saved});
}
