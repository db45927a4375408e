"""Says what volumes, snapshots and addresses there are in a region of an emulator, by a client that is none of ours."""

import json
import sys

import boto3

endpoint, region = sys.argv[1:]
ec2 = boto3.client(
    "ec2",
    endpoint_url=endpoint,
    region_name=region,
    aws_access_key_id="AKIDEXAMPLE",
    aws_secret_access_key="nobody checks it",
)


def tags(found):
    return {tag["Key"]: tag["Value"] for tag in found.get("Tags", [])}


volumes = ec2.describe_volumes()["Volumes"]
snapshots = ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]
addresses = ec2.describe_addresses()["Addresses"]
print(
    json.dumps(
        {
            "volumes": {found["VolumeId"]: found["VolumeType"] for found in volumes},
            "snapshots": {
                found["SnapshotId"]: {
                    "of": found["VolumeId"],
                    "state": found["State"],
                    "tags": tags(found),
                }
                for found in snapshots
            },
            "addresses": sorted(found["AllocationId"] for found in addresses),
        }
    )
)
