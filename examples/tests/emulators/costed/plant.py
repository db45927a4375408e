"""Plants waste in a region of an emulator, and what only looks like it, by a client that is none of ours.

Prints what is to be found: for each area the ids of the resources.
"""

import json
import sys

import boto3

endpoint, region = sys.argv[1:]


def client(service):
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="nobody checks it",
    )


ec2 = client("ec2")
zone = region + "a"


def volume(kind, tags=()):
    tags = [{"Key": key, "Value": value} for key, value in tags]
    made = ec2.create_volume(
        AvailabilityZone=zone,
        Size=100,
        VolumeType=kind,
        TagSpecifications=[{"ResourceType": "volume", "Tags": tags}] if tags else [],
    )
    return made["VolumeId"]


def instance():
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    made = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, InstanceType="t3.micro")
    return made["Instances"][0]["InstanceId"]


unused = [volume("gp3") for _ in range(3)]
unused_gp2 = volume("gp2", [("team", "shop")])
volume("gp3", [("petswipe:keep", "yes")])
used = volume("gp3")
used_gp2 = volume("gp2")
machine = instance()
ec2.attach_volume(VolumeId=used, InstanceId=machine, Device="/dev/sdf")
ec2.attach_volume(VolumeId=used_gp2, InstanceId=machine, Device="/dev/sdg")

addresses = [ec2.allocate_address(Domain="vpc")["AllocationId"] for _ in range(2)]
taken = ec2.allocate_address(Domain="vpc")["AllocationId"]
ec2.associate_address(AllocationId=taken, InstanceId=machine)

# What an instance brings along on this emulator is gp2 as well.
root = [
    mapping["Ebs"]["VolumeId"]
    for reservation in ec2.describe_instances(InstanceIds=[machine])["Reservations"]
    for found in reservation["Instances"]
    for mapping in found["BlockDeviceMappings"]
]
gp2 = [
    found["VolumeId"]
    for found in ec2.describe_volumes(VolumeIds=root)["Volumes"]
    if found["VolumeType"] == "gp2"
]

print(
    json.dumps(
        {
            "ebs-unused": unused + [unused_gp2],
            "ebs-gp3": sorted(set([unused_gp2, used_gp2] + gp2)),
            "eip-unattached": addresses,
        }
    )
)
