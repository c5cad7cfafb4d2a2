//! Command lines, and what they are to give. Expectations were made with two other engines.

/// One command line.
#[derive(Debug)]
pub struct Case {
    /// Its name.
    pub name: &'static str,
    /// The module's id.
    pub module: &'static str,
    /// What the program is told that it is called.
    pub argv0: &'static str,
    /// Its arguments.
    pub args: &'static [&'static str],
    /// A file of `inputs/` for standard input.
    pub stdin: Option<&'static str>,
    /// Whether it gets its folder, as `/`.
    pub root: bool,
    /// A folder of the corpus whose contents stand in its folder.
    pub folder: Option<&'static str>,
    /// Files of `inputs/` that stand in its folder, and their names there.
    pub given: &'static [(&'static str, &'static str)],
    /// Options of the runner beside those.
    pub flags: &'static [&'static str],
    /// Exit status.
    pub exit: i32,
    /// File of `expected/` with standard output; empty without.
    pub stdout: Option<&'static str>,
    /// File of `expected/` with standard error; not looked at without.
    pub stderr: Option<&'static str>,
    /// Files that it leaves in its folder, and files of `expected/` with their contents.
    pub written: &'static [(&'static str, &'static str)],
    /// Files that are no text, and the XXH32 of their contents.
    pub made: &'static [(&'static str, u32)],
}

const CASE: Case = Case {
    name: "",
    module: "",
    argv0: "",
    args: &[],
    stdin: None,
    root: false,
    folder: None,
    given: &[],
    flags: &[],
    exit: 0,
    stdout: None,
    stderr: None,
    written: &[],
    made: &[],
};

/// Every case.
pub const CASES: &[Case] = &[
    Case {
        name: "icepll_print",
        module: "icepll",
        argv0: "icepll",
        args: &["-i", "12", "-o", "60"],
        stdout: Some("icepll-print.txt"),
        ..CASE
    },
    Case {
        name: "icepll_file",
        module: "icepll",
        argv0: "icepll",
        args: &["-q", "-m", "-f", "/pll.v", "-i", "16", "-o", "75.5"],
        root: true,
        written: &[("pll.v", "icepll-pll.v.txt")],
        ..CASE
    },
    // C++ whose exceptions are those of the final form, and thrown here.
    Case {
        name: "icepack_bad",
        module: "icepack",
        argv0: "icepack",
        args: &["/bad.asc", "/x.bin"],
        root: true,
        given: &[("bad.asc", "bad.asc")],
        exit: 1,
        stderr: Some("icepack-bad.txt"),
        ..CASE
    },
    Case {
        name: "icepack",
        module: "icepack",
        argv0: "icepack",
        args: &["-v", "/small.asc", "/small.bin"],
        root: true,
        given: &[("small.asc", "small.asc")],
        stderr: Some("icepack.txt"),
        made: &[("small.bin", 0xB659_D7C8)],
        ..CASE
    },
    Case {
        name: "icemulti",
        module: "icemulti",
        argv0: "icemulti",
        args: &["-v", "-p1", "-a15", "-o", "/multi.bin", "/small.asc", "/bad.asc"],
        root: true,
        given: &[("small.asc", "small.asc"), ("bad.asc", "bad.asc")],
        stderr: Some("icemulti.txt"),
        made: &[("multi.bin", 0x9122_FBC4)],
        ..CASE
    },
    Case {
        name: "icebram",
        module: "icebram",
        argv0: "icebram",
        args: &["-g", "-s", "1", "16", "256"],
        stdout: Some("icebram.txt"),
        ..CASE
    },
    Case {
        name: "nextpnr",
        module: "nextpnr-ice40",
        argv0: "nextpnr-ice40",
        args: &["--hx1k", "--package", "tq144", "--seed", "7", "--json", "/gate.json", "--asc", "/gate.asc", "--quiet"],
        root: true,
        folder: Some("ice40-chips"),
        given: &[("gate.json", "gate.json")],
        made: &[("gate.asc", 0x1F8B_090E)],
        ..CASE
    },
    Case {
        name: "nextpnr_broken",
        module: "nextpnr-ice40",
        argv0: "nextpnr-ice40",
        args: &["--hx1k", "--package", "tq144", "--json", "/broken.json", "--asc", "/x.asc"],
        root: true,
        folder: Some("ice40-chips"),
        given: &[("broken.json", "broken.json")],
        exit: 125,
        stderr: Some("nextpnr-broken.txt"),
        ..CASE
    },
    Case {
        name: "python",
        module: "python-3.11",
        argv0: "python",
        args: &["/tour.py"],
        root: true,
        folder: Some("python-3.11-stdlib"),
        given: &[("tour.py", "tour.py")],
        exit: 5,
        stdout: Some("python.txt"),
        stderr: Some("python-stderr.txt"),
        written: &[("made/report.txt", "python-report.txt")],
        ..CASE
    },
    Case {
        name: "php",
        module: "php-cgi",
        argv0: "php-cgi",
        args: &["-q", "/tour.php"],
        root: true,
        given: &[("tour.php", "tour.php")],
        exit: 4,
        stdout: Some("php.txt"),
        written: &[("made/list.txt", "php-list.txt")],
        ..CASE
    },
    Case {
        name: "sqlite",
        module: "sqlite-p0",
        argv0: "sqlite3",
        args: &["-batch"],
        stdin: Some("tour.sql"),
        exit: 1,
        stdout: Some("sqlite.txt"),
        stderr: Some("sqlite-stderr.txt"),
        ..CASE
    },
    Case {
        name: "gofmt",
        module: "go-gofmt",
        argv0: "gofmt",
        args: &["-s"],
        stdin: Some("unformatted.go.txt"),
        stdout: Some("gofmt.txt"),
        ..CASE
    },
    Case {
        name: "gofmt_file",
        module: "go-gofmt",
        argv0: "gofmt",
        args: &["-l", "-w", "/s"],
        root: true,
        given: &[("unformatted.go.txt", "s/shapes.go")],
        stdout: Some("gofmt-list.txt"),
        written: &[("s/shapes.go", "gofmt-file.txt")],
        ..CASE
    },
    Case {
        name: "gofmt_broken",
        module: "go-gofmt",
        argv0: "gofmt",
        stdin: Some("broken.go.txt"),
        exit: 2,
        stderr: Some("gofmt-broken.txt"),
        ..CASE
    },
    Case {
        name: "quickjs",
        module: "quickjs",
        argv0: "qjs",
        args: &["/tour.js"],
        root: true,
        given: &[("tour.js", "tour.js")],
        // It imports sockets that WASI does not have, and calls none.
        flags: &["--unknown-imports-trap"],
        stdout: Some("quickjs.txt"),
        ..CASE
    },
];
