// Lists a bucket with the AWS SDK for JavaScript v3 and says what it found. Usage: list.mjs BUCKET
import { ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';

const answer = await new S3Client({}).send(new ListObjectsV2Command({ Bucket: process.argv[2] }));
console.log(JSON.stringify((answer.Contents ?? []).map((entry) => entry.Key)));
