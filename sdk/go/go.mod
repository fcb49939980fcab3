module github.com/bonafide-id/bonafide/sdk/go

go 1.21
