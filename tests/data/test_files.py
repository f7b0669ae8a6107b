"""Readers of files: what was written is read, and what is damaged or foreign is an error that says so."""

import gzip
import struct

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import data
from micrograd_np.data import readers

CODES = {"u1": 0x08, "i1": 0x09, ">i2": 0x0B, ">i4": 0x0C, ">f4": 0x0D, ">f8": 0x0E}
ARRAY = np.arange(24).reshape(2, 3, 4)


def idx_bytes(array):
    """The format as its authors describe it: zeros, type, number of axes, their lengths, the numbers."""
    code = CODES[array.dtype.str.lstrip("|")]
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape) + array.tobytes()


@pytest.mark.parametrize("dtype", CODES)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_idx_of_every_type(dtype, pack, tmp_path):
    path = tmp_path / "some-idx"
    path.write_bytes(pack(idx_bytes(ARRAY.astype(dtype))))
    read = data.read_idx(path)
    assert np.array_equal(read, ARRAY)
    assert read.dtype == np.dtype(dtype).newbyteorder("=")
    read += 1  # it is the user's own


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_idx_that_ends_early_is_an_error_wherever_it_ends(pack, tmp_path):
    path = tmp_path / "cut"
    whole = pack(idx_bytes(ARRAY.astype("u1")))
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        with pytest.raises(ValueError, match="cut"):
            data.read_idx(path)


FOREIGN = [
    (b"\x89PNG\r\n\x1a\n" + bytes(40), "no IDX file: its first four bytes are 89 50 4e 47"),
    (b"\0\0\x07\x01" + bytes(8), "no IDX file"),
    (struct.pack(">BBBB2I", 0, 0, 8, 2, 2**31, 2**31) + b"abc", "4,611,686,018,427,387,904 bytes, and 3 follow"),
    (idx_bytes(ARRAY.astype("u1")) + b"x", "24 bytes, and 25 follow"),
    (b"\x1f\x8b" + bytes(30), "damaged"),
    (gzip.compress(b"a" * 99, mtime=0)[:-9] + bytes(9), "damaged"),
    (b"", "missing"),
]


@pytest.mark.parametrize(("content", "message"), FOREIGN)
def test_what_is_no_idx_file_is_said(content, message, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        data.read_idx(path)


def write_mnist(folder, dot="-", suffix="", labels=(3, 1)):
    files = {"train-images-idx3-ubyte": ARRAY, "train-labels-idx1-ubyte": np.array(labels)}
    files |= {"t10k-images-idx3-ubyte": ARRAY[:1], "t10k-labels-idx1-ubyte": np.array([7])}
    for name, array in files.items():
        content = idx_bytes(array.astype("u1"))
        path = folder / (name.replace("-idx", f"{dot}idx") + suffix)
        path.write_bytes(gzip.compress(content, mtime=0) if suffix else content)


@pytest.mark.parametrize(("dot", "suffix"), [("-", ""), ("-", ".gz"), (".", "")])
def test_mnist_from_a_folder(dot, suffix, tmp_path):
    write_mnist(tmp_path, dot, suffix)
    X_train, X_test, y_train, y_test = data.mnist(tmp_path)
    assert X_train.dtype == X_test.dtype == np.float32
    assert np.array_equal(X_train, ARRAY.astype(np.float32) / 255)
    assert X_test.shape == (1, 3, 4)
    assert y_train.tolist() == [3, 1]
    assert y_test.tolist() == [7]


def test_mnist_lacks_a_file(tmp_path):
    write_mnist(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(FileNotFoundError, match=r"t10k-labels-idx1-ubyte or t10k-labels-idx1-ubyte.gz"):
        data.mnist(tmp_path)


def test_mnist_with_labels_of_other_images(tmp_path):
    write_mnist(tmp_path, labels=(3, 1, 2))
    with pytest.raises(ValueError, match="2 images and 3 labels"):
        data.mnist(tmp_path)


def test_fashion_mnist_is_looked_for_where_debian_puts_it(tmp_path, monkeypatch):
    monkeypatch.setattr(readers, "FASHION_MNIST", tmp_path / "fashion")
    with pytest.raises(FileNotFoundError, match="fashion has no file train-images"):
        data.fashion_mnist()
    (tmp_path / "fashion").mkdir()
    write_mnist(tmp_path / "fashion", suffix=".gz")
    assert data.fashion_mnist()[2].tolist() == [3, 1]
    write_mnist(tmp_path)
    assert data.fashion_mnist(tmp_path)[3].tolist() == [7]


CSV = "a,b,c\n1,2,3\n4,5.5,-6e2\n"


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_csv_is_an_array(name, mark, tmp_path):
    path = tmp_path / name
    content = (mark + CSV).encode()
    path.write_bytes(gzip.compress(content, mtime=0) if name.endswith("gz") else content)
    assert data.read_csv(path).tolist() == [[1, 2, 3], [4, 5.5, -600]]
    assert data.read_csv(path, usecols=(2, 0), max_rows=1).tolist() == [[3, 1]]


def test_csv_without_a_header_and_with_another_delimiter(tmp_path):
    path = tmp_path / "t.tsv"
    path.write_text("1\t2\n", encoding="utf-8-sig")
    assert data.read_csv(path, header=0, delimiter="\t", dtype=int).tolist() == [[1, 2]]


NO_HEADER = [
    (b"1,2,3\n4,5,6\n", {}),
    (b"\xef\xbb\xbf1,2\n4,5\n", {}),
    (b"5.1,setosa\n4.9,setosa\n", {"usecols": 0}),
    (b"1e3 nan\n4 5\n", {"delimiter": " "}),
    (b"1,2,3\n3,4\n", {}),
    (b"1,2\n3,4\n", {"dtype": str}),
]


@pytest.mark.parametrize(("content", "options"), NO_HEADER)
def test_a_first_line_of_numbers_is_not_dropped(content, options, tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"t\.csv: the first line holds numbers alone\. .* header=0; .* header=1"):
        data.read_csv(path, **options)


def test_a_header_of_numbers_is_one_if_said():
    assert data.read_csv(["0,1", "5,6"], header=1).tolist() == [[5, 6]]
    assert data.read_csv(["# 0,1", "5,6"]).tolist() == [[5, 6]]


@pytest.mark.parametrize("options", [{"header": 1}, {"usecols": (0, 1)}])
def test_a_header_of_another_length_is_one_if_said(options):
    assert data.read_csv(["a,b,c", "5,6"], **options).tolist() == [[5, 6]]
    assert data.read_csv(["a title", "5,6"]).tolist() == [[5, 6]]


def test_names_become_labels():
    lines = ["length,species", "5.1,setosa", "6.3,virginica", "4.9,setosa"]
    names, labels = np.unique(data.read_csv(lines, usecols=1, dtype=str), return_inverse=True)
    assert names.tolist() == ["setosa", "virginica"]
    assert labels.ravel().tolist() == [0, 1, 0]


WRONG_CSV = [
    (b"a,b,c\n1,2\n3,4\n", "t.csv: 3 names stand above 2 columns. Pass header=1 if they may."),
    (b"a,b\n1,2\n3,x\n", r"'x' to float64 at row 1, column 2 \(rows .*\)\. Choose columns of numbers with usecols="),
    (b"a,b\n1,\n", "'' to float64 at row 0, column 2"),
    (b"a,b\n1,2\n3\n", "columns changed from 2 to 1"),
    (b"a,b\n", "no rows"),
    (b"", "no rows"),
    (b"a\n\xff\xfe\n", "utf-8"),
]


@pytest.mark.parametrize(("content", "message"), WRONG_CSV)
def test_a_table_with_something_else_in_it_is_an_error(content, message, tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        data.read_csv(path)


def test_a_csv_that_was_cut_is_an_error(tmp_path):
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(CSV.encode())[:-6])
    with pytest.raises(ValueError, match=r"t\.csv\.gz"):
        data.read_csv(path)


def test_no_file_is_no_file(tmp_path):
    for read in (data.read_csv, data.read_idx, data.text, data.mnist):
        with pytest.raises(mg.MissingFileError):
            read(tmp_path / "none")


@pytest.mark.parametrize("content", ["hello, world\n", "äß∂ 🎈 a\u0301", "x"])
def test_text_comes_back(content, tmp_path):
    path = tmp_path / "t.txt"
    path.write_text(content, encoding="utf-8")
    ids, characters = data.text(path)
    assert "".join(characters[i] for i in ids) == content
    assert sorted(set(content)) == list(characters)
    assert ids.dtype == int


@pytest.mark.parametrize(("content", "message"), [(b"", "empty"), (b"a\xff", "can't decode byte 0xff")])
def test_what_is_no_text_is_said(content, message, tmp_path):
    path = tmp_path / "t.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        data.text(path)
