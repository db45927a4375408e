"""Runs Cloud Custodian and cost_report over the same account, and prints what each found and what it took.

    python compare.py COST_REPORT COUNT [CLOUDWATCH]

The account has COUNT volumes, COUNT snapshots, COUNT / 5 instances and COUNT / 50 addresses on an emulator that this process
serves itself, so that neither of the two pays for it, and in whose memory it makes old what boto3 planted. With the address of another emulator for CloudWatch, cost_report is run once more over everything, with metrics.
"""

import datetime
import json
import logging
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import boto3
from moto.ec2.models import ec2_backends
from moto.server import ThreadedMotoServer

COST_REPORT, COUNT, CLOUDWATCH = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
REGION, ACCOUNT = "us-east-1", "123456789012"
NOW = datetime.datetime.now(datetime.timezone.utc)

POLICIES = """
policies:
  - name: volumes
    resource: aws.ebs
    filters:
      - State: available
      - {type: value, key: CreateTime, value_type: age, value: 7, op: ge}
  - name: addresses
    resource: aws.elastic-ip
    filters:
      - AssociationId: absent
  - name: snapshots
    resource: aws.ebs-snapshot
    filters:
      - {type: age, days: 90, op: gt}
      - {type: unused, value: true}
"""

# A volume's metrics tell when it was attached last; Custodian does not ask, so neither does the other one here.
LIMITS = "volumes: {days: 7, detached_days: 0}\n"


def plant(endpoint):
    """Puts everything there. Half of the volumes and of the snapshots are old, and a fifth of the volumes is attached."""
    ec2 = boto3.client(
        "ec2",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="nobody checks it",
    )
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    machines = []
    while len(machines) < max(1, COUNT // 5):
        some = min(500, max(1, COUNT // 5 - len(machines)))
        made = ec2.run_instances(ImageId=image, MinCount=some, MaxCount=some, InstanceType="t3.micro")
        machines += [one["InstanceId"] for one in made["Instances"]]
    for index in range(COUNT):
        made = ec2.create_volume(AvailabilityZone=REGION + "a", Size=100, VolumeType="gp3")
        ec2.create_snapshot(VolumeId=made["VolumeId"])
        if index % 5 == 0:
            machine = machines[index // 5 % len(machines)]
            ec2.attach_volume(VolumeId=made["VolumeId"], InstanceId=machine, Device="/dev/sdf")
    for _ in range(COUNT // 50):
        ec2.allocate_address(Domain="vpc")
    taken = ec2.allocate_address(Domain="vpc")["AllocationId"]
    ec2.associate_address(AllocationId=taken, InstanceId=machines[0])
    # What was made just now becomes old.
    backend = ec2_backends[ACCOUNT][REGION]
    for index, volume in enumerate(backend.volumes.values()):
        age = datetime.timedelta(days=100 if index % 2 else 2)
        volume.create_time = (NOW - age).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    for index, snapshot in enumerate(backend.snapshots.values()):
        snapshot.start_time = NOW - datetime.timedelta(days=200 if index % 2 else 20)


def run(directory, command, environment):
    """What a program printed, and what it took, in seconds."""
    begun = time.monotonic()
    with open(directory / "out", "wb") as out, open(directory / "err", "wb") as err:
        child = subprocess.Popen(command, cwd=directory, env=environment, stdout=out, stderr=err)
        _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    wall = time.monotonic() - begun
    if child.returncode != 0:
        sys.exit(f"{command[0]} ended with {child.returncode}: {(directory / 'err').read_text()[-2000:]}")
    took = {"cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2), "wall_seconds": round(wall, 2)}
    return (directory / "out").read_text(), took


def environment(endpoint):
    return {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "nobody checks it",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def custodian(directory, endpoint):
    (directory / "policies.yml").write_text(POLICIES)
    out = directory / "found"
    command = [sys.executable, "-m", "c7n.cli", "run", "-s", str(out), "--cache-period", "0"]
    _, took = run(directory, command + ["--region", REGION, "policies.yml"], environment(endpoint))
    found = {}
    for name, key in [("volumes", "VolumeId"), ("addresses", "AllocationId"), ("snapshots", "SnapshotId")]:
        resources = json.loads((out / name / "resources.json").read_text())
        found[name] = sorted(resource[key] for resource in resources)
    return {"took": took, "found": found}


def cost_report(directory, endpoint, areas, cloudwatch=None):
    (directory / "limits.yaml").write_text(LIMITS)
    command = [COST_REPORT, "--backend", "aws", "--json", "--quiet", "--thresholds", "limits.yaml"]
    variables = environment(endpoint)
    if cloudwatch:
        variables["AWS_ENDPOINT_URL_CLOUDWATCH"] = cloudwatch
    text, took = run(directory, command + ["--areas", ",".join(areas)], variables)
    report = json.loads(text)
    found = {
        name: sorted(one["resource"] for one in report["findings"] if one["area"] == area)
        for name, area in [
            ("volumes", "ebs-unused"),
            ("addresses", "eip-unattached"),
            ("snapshots", "ebs-snapshots"),
        ]
    }
    return {"took": took, "found": found, "calls": report["calls"]}


logging.getLogger("werkzeug").setLevel(logging.WARNING)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
endpoint = f"http://{host}:{port}"
plant(endpoint)
with tempfile.TemporaryDirectory() as directory:
    directory = pathlib.Path(directory)
    same = ["ebs-unused", "eip-unattached", "ebs-snapshots"]
    result = {
        "custodian": custodian(directory, endpoint),
        "cost_report": cost_report(directory, endpoint, same),
    }
    if CLOUDWATCH:
        areas = same + ["ebs-gp3", "ec2-utilization"]
        result["everything"] = cost_report(directory, endpoint, areas, CLOUDWATCH[0])
server.stop()
json.dump(result, sys.stdout)
