// Lists a bucket with the AWS SDK for Go v2 and says what it found. Usage: list BUCKET
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

func run() error {
	ctx := context.Background()
	loaded, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	answer, err := s3.NewFromConfig(loaded).ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String(os.Args[1])})
	if err != nil {
		return err
	}
	keys := []string{}
	for _, entry := range answer.Contents {
		keys = append(keys, aws.ToString(entry.Key))
	}
	return json.NewEncoder(os.Stdout).Encode(keys)
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
