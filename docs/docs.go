// Package docs embeds the documentation. It does not serve it: package site does.
package docs

import "embed"

// Pages are the guides, and the decisions behind the program, as Markdown.
//
//go:embed *.md decisions/*.md
var Pages embed.FS

// OpenAPI describes every endpoint, as OpenAPI 3.1 in YAML.
//
//go:embed openapi.yaml
var OpenAPI []byte

// Postman is a collection of requests with their tests, for Postman and newman.
//
//go:embed postman.json
var Postman []byte
