package relational

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/bonafide-id/bonafide/internal/store"
	"github.com/bonafide-id/bonafide/liveness"
)

// insertFingerprint adds one fingerprint: its record, moment and bits, and then its bands.
var insertFingerprint = func() string {
	columns, values := "record, moment, bits", "$1, $2, $3"
	for i := range liveness.FingerprintBands {
		columns += fmt.Sprintf(", band%d", i)
		values += fmt.Sprintf(", $%d", i+4)
	}
	return "INSERT INTO fingerprints (" + columns + ") VALUES (" + values + ")"
}()

func addFingerprints(ctx context.Context, tx *sql.Tx, r store.Record) error {
	for _, f := range r.Fingerprints {
		args := []any{r.ID, f.At.Milliseconds(), f.Bits[:]}
		for _, band := range f.Bands() {
			args = append(args, band)
		}
		if _, err := tx.ExecContext(ctx, insertFingerprint, args...); err != nil {
			return err
		}
	}
	return nil
}

// FindFingerprints implements store.Fingerprints.
func (s *Store) FindFingerprints(ctx context.Context, like []liveness.Fingerprint) (found []store.FoundFingerprint, err error) {
	if len(like) == 0 {
		return nil, nil
	}
	where, args := sharesBand(like)
	err = s.query(ctx, func(row scanner) error {
		var f store.FoundFingerprint
		var moment int64
		var bits []byte
		if err := row.Scan(&f.Record, &f.Account, &f.Transaction, &f.Subject, &moment, &bits); err != nil {
			return err
		}
		copy(f.Bits[:], bits)
		f.At = time.Duration(moment) * time.Millisecond
		found = append(found, f)
		return nil
	}, fmt.Sprintf(`SELECT r.id, r.account, r.transaction_id, r.subject, f.moment, f.bits
		FROM fingerprints f JOIN records r ON r.id = f.record
		WHERE f.record IN (SELECT f.record FROM fingerprints f WHERE %s) LIMIT %d`, where, store.MaxFoundFingerprints), args...)
	return found, err
}

// sharesBand returns the condition that a fingerprint has a band in common with one of those given, by one index a band.
func sharesBand(like []liveness.Fingerprint) (where string, args []any) {
	var values [liveness.FingerprintBands]map[int64]bool
	for _, f := range like {
		for i, band := range f.Bands() {
			if values[i] == nil {
				values[i] = map[int64]bool{}
			}
			values[i][band] = true
		}
	}
	var conditions []string
	for i := range values {
		var places []string
		for band := range values[i] {
			args = append(args, band)
			places = append(places, fmt.Sprintf("$%d", len(args)))
		}
		conditions = append(conditions, fmt.Sprintf("f.band%d IN (%s)", i, strings.Join(places, ", ")))
	}
	return strings.Join(conditions, " OR "), args
}

// Secret implements store.Fingerprints.
func (s *Store) Secret(ctx context.Context, name string) (secret []byte, err error) {
	fresh := make([]byte, 32)
	rand.Read(fresh) //nolint:errcheck // it never fails: it ends the program instead
	err = s.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "INSERT INTO secrets (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING", name, fresh); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, "SELECT value FROM secrets WHERE name = $1", name).Scan(&secret)
	})
	return secret, err
}
