"""Each rule of check_source.py finds what breaks it and leaves alone what keeps it."""

import pathlib
import tempfile
import unittest

import check_source


def problems(name, text):
    return list(check_source.file_problems(name, text))


class Rules(unittest.TestCase):
    def finds(self, name, text):
        self.assertEqual(len(problems(name, text)), 1, problems(name, text))

    def accepts(self, name, text):
        self.assertEqual(problems(name, text), [])

    def test_layers(self):
        self.finds("src/domain/a.cc", '#include "ports/clock.h"\n')
        self.finds("src/app/a.cc", '#include "adapters/sqlite/database.h"\n')
        self.finds("src/adapters/crypto/a.cc", '#include "adapters/sqlite/database.h"\n')
        self.finds("src/store/a.cc", '#include "app/lists.h"\n')
        self.finds("src/helpers/a.cc", "")
        self.accepts("src/adapters/sqlite/a.cc", '#include "adapters/sqlite/database.h"\n')
        self.accepts("src/app/a.cc", '#include "store/lists.h"\n')
        self.accepts("src/main/a.cc", '#include "adapters/sqlite/database.h"\n')

    def test_libraries(self):
        self.finds("src/app/a.cc", "#include <boost/asio/post.hpp>\n")
        self.finds("src/app/a.cc", "#include <sqlite3.h>\n")
        self.finds("src/http/a.cc", "#include <boost/beast/http.hpp>\n")
        self.accepts("src/http/a.cc", "#include <boost/asio/post.hpp>\n")
        self.accepts("tests/fuzz/a_fuzz.cc", "#include <boost/beast/http.hpp>\n")

    def test_headers_are_guarded(self):
        self.finds("src/base/a.h", "int x;\n")
        self.accepts("src/base/a.h", "#pragma once\n")

    def test_no_coroutines(self):
        self.finds("src/http/a.cc", "void f() { co_await g(); }\n")
        self.accepts("src/http/a.cc", "// Not co_await.\n")

    def test_sql_stands_in_store(self):
        self.finds("src/app/a.cc", 'auto s = "SELECT id FROM lists";\n')
        self.finds("src/http/a.cc", 'auto s = R"(UPDATE lists\nSET x = 1)";\n')
        self.accepts("src/store/a.cc", 'auto s = "DELETE FROM lists WHERE id = $1";\n')
        self.accepts("src/app/a.cc", 'auto s = "select one from these";  // SELECT a FROM b\n')

    def test_sql_is_shared(self):
        for text in ("PRAGMA x", "INSERT OR IGNORE INTO a", "SELECT rowid FROM a", "x = datetime(1)",
                     "strftime('%s')", "julianday(1)", "a = ?1"):
            self.finds("src/store/a.cc", f'auto s = "{text}";\n')
        self.accepts("src/adapters/sqlite/a.cc", 'auto s = "PRAGMA x";\n')
        self.accepts("src/adapters/postgres/a.cc", 'auto s = "SELECT now() FROM t FOR UPDATE";\n')
        self.finds("src/store/a.cc", 'auto s = "SELECT a FROM t WHERE id = ANY ($1)";\n')
        self.finds("src/store/a.cc", 'auto s = "SELECT a FROM t FOR UPDATE";\n')

    def test_unfinished_and_skipped(self):
        self.finds("src/app/a.cc", "// TODO: more\n")
        self.finds("web/src/a.ts", "// FIXME\n")
        self.finds("src/app/a_test.cc", "GTEST_SKIP();\n")
        self.finds("tests/blackbox/test_a.py", "@pytest.mark.skip\n")
        self.finds("web/src/a.test.ts", "it.only('x')\n")

    def test_no_sleep_in_tests(self):
        self.finds("tests/blackbox/test_a.py", "time.sleep(1)\n")
        self.accepts("tests/blackbox/client.py", "time.sleep(1)\n")
        self.finds("src/app/a_test.cc", "std::this_thread::sleep_for(1s);\n")
        self.finds("web/e2e/a.spec.ts", "await page.waitForTimeout(5);\n")

    def test_files_are_short(self):
        self.finds("src/app/a.cc", "\n" * 401)
        self.accepts("src/app/a.cc", "\n" * 400)


class Project(unittest.TestCase):
    def test_missing_parts(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "src/http").mkdir(parents=True)
            (root / "src/http/request_fuzz.cc").touch()
            (root / "db/sqlite").mkdir(parents=True)
            (root / "db/sqlite/0002_a.sql").touch()
            (root / "README.md").write_text("[a](docs/none.md) [b](https://example.org)")
            self.assertEqual(len(list(check_source.project_problems(root))), 4)


if __name__ == "__main__":
    unittest.main()
