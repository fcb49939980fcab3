package evaluate

import (
	"slices"
	"strings"
)

// group is the items of one name.
type group[T any] struct {
	name  string
	items []T
}

// groups sorts items into groups by name, in the order of the names. Items without a name are in none.
func groups[T any](items []T, name func(T) string) []group[T] {
	var found []group[T]
	place := map[string]int{}
	for _, item := range items {
		key := name(item)
		if key == "" {
			continue
		}
		i, known := place[key]
		if !known {
			i = len(found)
			place[key] = i
			found = append(found, group[T]{name: key})
		}
		found[i].items = append(found[i].items, item)
	}
	slices.SortFunc(found, func(a, b group[T]) int { return strings.Compare(a.name, b.name) })
	return found
}

// split returns the items that have a property and those that have not.
func split[T any](items []T, has func(T) bool) (with, without []T) {
	for _, item := range items {
		if has(item) {
			with = append(with, item)
		} else {
			without = append(without, item)
		}
	}
	return with, without
}

// column returns one value of each item.
func column[T, V any](items []T, value func(T) V) []V {
	values := make([]V, len(items))
	for i, item := range items {
		values[i] = value(item)
	}
	return values
}
