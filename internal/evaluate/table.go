package evaluate

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// TableError is one thing that is wrong with a CSV file.
type TableError struct {
	File   string
	Line   int    // counts from 1
	Column string // the column's name; empty where the whole line is meant
	Text   string // what is wrong and what is expected
}

// Error returns "file:line: column: text".
func (f TableError) Error() string {
	if f.Column == "" {
		return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Text)
	}
	return fmt.Sprintf("%s:%d: %s: %s", f.File, f.Line, f.Column, f.Text)
}

// TableErrors is every fault of a CSV file, in the order of its lines.
type TableErrors []TableError

// Error lists the faults, one a line, the first fifty of them.
func (f TableErrors) Error() string {
	const most = 50
	var text strings.Builder
	for i, fault := range f {
		if i == most {
			fmt.Fprintf(&text, "\nand %d more", len(f)-most)
			break
		}
		if i > 0 {
			text.WriteByte('\n')
		}
		text.WriteString(fault.Error())
	}
	return text.String()
}

// table is a CSV file with a header, and the faults found in it so far.
type table struct {
	name   string
	folder string
	errors TableErrors
	has    map[string]bool // the header's columns
	rows   []row
}

// row is a line of a table: its cells by column, trimmed.
type row struct {
	line  int
	cells map[string]string
}

// readTable reads a CSV file whose header names the required columns and perhaps the optional ones, in any order; others
// are ignored. The error is one of reading the file; what is wrong inside it is in faults.
func readTable(name string, required, optional []string) (*table, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	t := &table{name: name, folder: filepath.Dir(name), has: map[string]bool{}}
	reader := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff"))))
	reader.FieldsPerRecord = -1
	header, err := reader.Read()
	if err != nil {
		t.addError(1, "", "there is no header; expected a line with the columns %s", strings.Join(required, ","))
		return t, nil
	}
	at := t.columns(header, required, optional)
	if len(t.errors) > 0 {
		return t, nil
	}
	t.readRows(reader, len(header), at)
	if len(t.rows) == 0 && len(t.errors) == 0 {
		t.addError(2, "", "there are no rows after the header; expected one for each file")
	}
	return t, nil
}

// columns returns the place of each wanted column in the header.
func (t *table) columns(header, required, optional []string) map[string]int {
	at := map[string]int{}
	for i, name := range header {
		name = strings.ToLower(strings.TrimSpace(name))
		if !slices.Contains(required, name) && !slices.Contains(optional, name) {
			continue
		}
		if _, twice := at[name]; twice {
			t.addError(1, name, "the column is there twice; expected it once")
		}
		at[name] = i
		t.has[name] = true
	}
	for _, name := range required {
		if !t.has[name] {
			t.addError(1, name, "the column is missing; expected a header with %s", strings.Join(required, ","))
		}
	}
	return at
}

func (t *table) readRows(reader *csv.Reader, width int, at map[string]int) {
	for {
		record, err := reader.Read()
		if err == io.EOF {
			return
		}
		var syntax *csv.ParseError
		if errors.As(err, &syntax) {
			t.addError(syntax.StartLine, "", "this is not CSV: %v", syntax.Err)
			continue
		}
		line, _ := reader.FieldPos(0)
		if len(record) != width {
			t.addError(line, "", "there are %d columns; expected %d as in the header", len(record), width)
			continue
		}
		r := row{line: line, cells: make(map[string]string, len(at))}
		for name, i := range at {
			cell := strings.TrimSpace(record[i])
			if !utf8.ValidString(cell) || strings.ContainsFunc(cell, unicode.IsControl) {
				t.addError(line, name, "%q has control characters or is not UTF-8; expected plain text", cell)
			}
			r.cells[name] = cell
		}
		t.rows = append(t.rows, r)
	}
}

func (t *table) addError(line int, column, format string, values ...any) {
	t.errors = append(t.errors, TableError{t.name, line, column, fmt.Sprintf(format, values...)})
}

// err returns the faults, or nil when there are none.
func (t *table) err() error {
	if len(t.errors) == 0 {
		return nil
	}
	slices.SortStableFunc(t.errors, func(a, b TableError) int { return a.Line - b.Line })
	return t.errors
}

// file returns the name of the file that a row's path means, and records a fault where it cannot be opened.
func (t *table) file(r row) string {
	path := r.cells["path"]
	if path == "" {
		t.addError(r.line, "path", "it is empty; expected a file's name, relative to %s", t.folder)
		return ""
	}
	name := filepath.Clean(path)
	if !filepath.IsAbs(name) {
		name = filepath.Join(t.folder, name)
	}
	if err := checkReadable(name); err != nil {
		t.addError(r.line, "path", "%v; expected a file, its path relative to %s", err, t.folder)
	}
	return name
}

// checkReadable returns nil when name is a regular file that can be opened for reading.
func checkReadable(name string) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", name)
	}
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	return file.Close()
}

// folderOf returns the folder that a cell names, relative to the table's; empty where the cell is.
func (t *table) folderOf(r row, column string) string {
	name := r.cells[column]
	if name == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(t.folder, name)
}

// agreement holds rows of one file against each other.
type agreement struct {
	value string
	line  int
}

// requireSame records a fault where an earlier row of the same file says something else in the column.
func (t *table) requireSame(seen map[string]agreement, file string, r row, column string) {
	value := r.cells[column]
	first, ok := seen[file]
	if !ok {
		seen[file] = agreement{value, r.line}
		return
	}
	if first.value != value {
		t.addError(r.line, column, "%q differs from %q on line %d for the same file; expected one", value, first.value, first.line)
	}
}
