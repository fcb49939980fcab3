package config

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"sort"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml"
)

// Source answers the flags' values from a YAML file, and lets the environment win over it.
type Source struct {
	path   string
	values map[string]any
}

// File reads a YAML file of settings. A path of "" gives a source that only checks the environment.
// Groups may be nested: {challenge: {digits: 6}} and {challenge-digits: 6} are the same setting.
func File(path string) (*Source, error) {
	s := &Source{path: path, values: map[string]any{}}
	if path == "" {
		return s, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("the config file cannot be read: %w", err)
	}
	var tree map[string]any
	if err := yaml.Unmarshal(text, &tree); err != nil {
		return nil, fmt.Errorf("the config file %s is not valid YAML: %w", path, err)
	}
	flatten("", tree, s.values)
	return s, nil
}

func flatten(prefix string, tree, into map[string]any) {
	for key, value := range tree {
		name := prefix + strings.ReplaceAll(key, "_", "-")
		if group, ok := value.(map[string]any); ok {
			flatten(name+"-", group, into)
			continue
		}
		into[name] = value
	}
}

// Validate returns an error for every unknown setting of the file. It also returns one for every value, in the file or in the
// environment, that its setting cannot take.
func (s *Source) Validate(app *kong.Application) error {
	flags := map[string]*kong.Flag{}
	collect(app.Node, flags)
	var faults []error
	for name, value := range s.values {
		flag, ok := flags[name]
		if !ok {
			faults = append(faults, fmt.Errorf("%s: there is no setting %q", s.path, name))
		} else if err := isOfKind(flag, formatValue(value)); err != nil {
			faults = append(faults, fmt.Errorf("%s: %s cannot be %q: %w", s.path, name, formatValue(value), err))
		}
	}
	for _, flag := range flags {
		for _, env := range flag.Envs {
			if value, ok := os.LookupEnv(env); ok {
				if err := isOfKind(flag, value); err != nil {
					faults = append(faults, fmt.Errorf("%s cannot be %q: %w", env, value, err))
				}
			}
		}
	}
	sort.Slice(faults, func(i, j int) bool { return faults[i].Error() < faults[j].Error() })
	return errors.Join(faults...)
}

// Resolve implements kong.Resolver.
func (s *Source) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, env := range flag.Envs {
		if _, ok := os.LookupEnv(env); ok {
			return nil, nil
		}
	}
	value, ok := s.values[flag.Name]
	if !ok {
		return nil, nil
	}
	return formatValue(value), nil
}

func collect(node *kong.Node, into map[string]*kong.Flag) {
	for _, flag := range node.Flags {
		into[flag.Name] = flag
	}
	for _, child := range node.Children {
		collect(child, into)
	}
}

func isOfKind(flag *kong.Flag, value string) error {
	target := reflect.New(flag.Target.Type()).Elem()
	decode := &kong.DecodeContext{Value: flag.Value, Scan: kong.ScanFromTokens(kong.Token{Type: kong.FlagValueToken, Value: value})}
	if err := flag.Mapper.Decode(decode, target); err != nil {
		return err
	}
	if flag.Enum != "" && !flag.EnumMap()[value] {
		return fmt.Errorf("give one of %s", flag.Enum)
	}
	return nil
}

func formatValue(value any) string {
	list, ok := value.([]any)
	if !ok {
		return fmt.Sprint(value)
	}
	words := make([]string, len(list))
	for i, v := range list {
		words[i] = fmt.Sprint(v)
	}
	return strings.Join(words, ",")
}
