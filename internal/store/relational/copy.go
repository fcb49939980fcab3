package relational

import (
	"context"
	"database/sql"
	"fmt"
)

// Tables are all tables that are copied, each after those that it refers to: all except when tasks are due.
var Tables = []string{"accounts", "keys", "credentials", "rates", "transactions", "capture_tokens", "records", "usage", "fingerprints", "secrets"}

// Count is how many rows a table has.
type Count struct {
	Table string `json:"table"`
	Rows  int    `json:"rows"`
}

// LockedStore reads a store that nobody changes meanwhile.
type LockedStore struct{ tx *sql.Tx }

// LockForCopy begins to read. Until Close nobody else can write.
func (s *Store) LockForCopy(ctx context.Context) (*LockedStore, error) {
	tx, err := s.Writer.BeginTx(ctx, nil)
	if err != nil {
		return nil, s.Dialect.Explain(err)
	}
	return &LockedStore{tx}, nil
}

// Close ends the reading.
func (f *LockedStore) Close() { f.tx.Rollback() } //nolint:errcheck // nothing was written

// Count counts the rows of all tables.
func (f *LockedStore) Count(ctx context.Context) ([]Count, error) {
	counts := make([]Count, len(Tables))
	for i, table := range Tables {
		counts[i].Table = table
		if err := f.tx.QueryRowContext(ctx, "SELECT count(*) FROM "+table).Scan(&counts[i].Rows); err != nil {
			return nil, fmt.Errorf("%s: %w", table, err)
		}
	}
	return counts, nil
}

// Rows are the rows of a table, one after the other.
type Rows struct {
	Columns []string
	rows    *sql.Rows
	each    func()
}

// Table reads all rows of a table and calls each for every one.
func (f *LockedStore) Table(ctx context.Context, table string, each func()) (*Rows, error) {
	rows, err := f.tx.QueryContext(ctx, "SELECT * FROM "+table)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", table, err)
	}
	columns, err := rows.Columns()
	return &Rows{columns, rows, each}, err
}

// Next goes to the next row. After the last it frees what the rows took.
func (r *Rows) Next() bool { return r.rows.Next() }

// Values returns the row's values in the order of Columns.
func (r *Rows) Values() ([]any, error) {
	values := make([]any, len(r.Columns))
	into := make([]any, len(values))
	for i := range values {
		into[i] = &values[i]
	}
	if err := r.rows.Scan(into...); err != nil {
		return nil, err
	}
	for i, value := range values {
		if text, ok := value.(string); ok {
			values[i] = cleanText(text)
		}
	}
	r.each()
	return values, nil
}

// Err returns the fault that ended the rows early, if any.
func (r *Rows) Err() error { return r.rows.Err() }
