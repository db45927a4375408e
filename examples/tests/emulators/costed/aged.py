"""Serves an emulator in which another client planted waste that is old, and what only looks like it.

    python aged.py CLOUDWATCH REGION

What is made on an emulator is new, so this process has one of its own and makes it old in its memory. Metrics go to the emulator at
CLOUDWATCH. Prints where it serves and what is to be found, for each area the ids of the resources; ends with its input.
"""

import datetime
import json
import logging
import sys

import boto3
from moto.ec2.models import ec2_backends
from moto.elbv2.models import elbv2_backends
from moto.logs.models import logs_backends
from moto.rds.models import rds_backends
from moto.server import ThreadedMotoServer

CLOUDWATCH, REGION = sys.argv[1:]
ACCOUNT = "123456789012"
NOW = datetime.datetime.now(datetime.timezone.utc)
# The last whole day, and those before it.
DAYS = [NOW.replace(hour=12, minute=0, second=0, microsecond=0) - datetime.timedelta(days=day) for day in range(1, 33)]


def old(days):
    return NOW - datetime.timedelta(days=days)


def client(service, endpoint):
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="nobody checks it",
    )


logging.getLogger("werkzeug").setLevel(logging.WARNING)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
ENDPOINT = f"http://{host}:{port}"
ec2, rds, elb, logs = (client(name, ENDPOINT) for name in ["ec2", "rds", "elbv2", "logs"])
cloudwatch = client("cloudwatch", CLOUDWATCH)
memory = ec2_backends[ACCOUNT][REGION]


def measure(namespace, name, dimension, subject, value):
    """The same value on each of the last days."""
    data = [
        {
            "MetricName": name,
            "Dimensions": [{"Name": dimension, "Value": subject}],
            "Timestamp": day,
            "Value": value,
        }
        for day in DAYS
    ]
    cloudwatch.put_metric_data(Namespace=namespace, MetricData=data)


def instance(cpu):
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    made = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, InstanceType="m5.large")
    id = made["Instances"][0]["InstanceId"]
    measure("AWS/EC2", "CPUUtilization", "InstanceId", id, cpu)
    measure("AWS/EC2", "NetworkIn", "InstanceId", id, cpu * 1000.0)
    measure("AWS/EC2", "NetworkOut", "InstanceId", id, cpu * 1000.0)
    return id


def instances():
    idle, busy = instance(1.0), instance(60.0)
    return [idle], busy


def snapshots(machine):
    """Two old ones, a young one, and one that an image needs."""
    volume = ec2.create_volume(AvailabilityZone=REGION + "a", Size=50, VolumeType="gp3")["VolumeId"]
    gone = ec2.create_volume(AvailabilityZone=REGION + "a", Size=50, VolumeType="gp3")["VolumeId"]
    ec2.attach_volume(VolumeId=volume, InstanceId=machine, Device="/dev/sdg")
    of = lambda volume: ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    waste, young, last = [of(volume)], of(volume), of(gone)
    ec2.delete_volume(VolumeId=gone)
    image = ec2.create_image(InstanceId=machine, Name="golden")["ImageId"]
    needed = {
        mapping["Ebs"]["SnapshotId"]
        for found in ec2.describe_images(ImageIds=[image])["Images"]
        for mapping in found["BlockDeviceMappings"]
        if "Ebs" in mapping
    }
    assert needed and young not in needed, "the image has no snapshot of its own"
    # Those that the emulator has for its own images are new, and stay so.
    for id in waste + [last, *needed]:
        memory.snapshots[id].start_time = old(200)
    return waste + [last]


def volumes():
    """One that is unused, and one that was attached ten days ago. Those of the instances are attached."""
    make = lambda: ec2.create_volume(AvailabilityZone=REGION + "a", Size=50, VolumeType="gp3")["VolumeId"]
    unused, detached = make(), make()
    cloudwatch.put_metric_data(
        Namespace="AWS/EBS",
        MetricData=[
            {
                "MetricName": "VolumeReadOps",
                "Dimensions": [{"Name": "VolumeId", "Value": detached}],
                "Timestamp": DAYS[9],
                "Value": 0.0,
            }
        ],
    )
    for volume in memory.volumes.values():
        volume.create_time = old(200).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return [unused]


def databases():
    """One that nobody connects to, one in use; an old snapshot of it, a young one, and the last one of one that is gone."""

    def database(name, connections):
        rds.create_db_instance(
            DBInstanceIdentifier=name,
            DBInstanceClass="db.m5.large",
            Engine="postgres",
            AllocatedStorage=100,
            StorageType="gp3",
            MasterUsername="shop",
            MasterUserPassword="not-a-secret",
        )
        measure("AWS/RDS", "DatabaseConnections", "DBInstanceIdentifier", name, connections)
        measure("AWS/RDS", "CPUUtilization", "DBInstanceIdentifier", name, 30.0)

    def snapshot(of, name):
        rds.create_db_snapshot(DBInstanceIdentifier=of, DBSnapshotIdentifier=name)

    for name, connections in [("forgotten", 0.0), ("orders", 40.0), ("gone", 5.0)]:
        database(name, connections)
    snapshot("orders", "orders-old")
    snapshot("orders", "orders-young")
    snapshot("gone", "gone-last")
    rds.delete_db_instance(DBInstanceIdentifier="gone", SkipFinalSnapshot=True)
    backend = rds_backends[ACCOUNT][REGION]
    for name, made in backend.database_snapshots.items():
        made.created = old(5 if name == "orders-young" else 200)
    for made in backend.databases.values():
        made.instance_create_time = old(300)
    return ["forgotten"], ["orders-old"]


def balancers():
    """One that is silent, one that is asked, and one with few connections that stay."""
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=REGION + zone)["Subnet"]["SubnetId"]
        for n, zone in enumerate("ab")
    ]

    def balancer(name, metrics):
        made = elb.create_load_balancer(Name=name, Subnets=subnets, Type="application")
        arn = made["LoadBalancers"][0]["LoadBalancerArn"]
        subject = arn.split(":loadbalancer/")[1]
        for metric, value in {"ConsumedLCUs": 0.01, **metrics}.items():
            measure("AWS/ApplicationELB", metric, "LoadBalancer", subject, value)
        return arn

    silent = balancer("silent", {})
    balancer("asked", {"RequestCount": 90_000.0})
    balancer("sockets", {"RequestCount": 4.0, "ActiveConnectionCount": 4.0 * 1440})
    for made in elbv2_backends[ACCOUNT][REGION].load_balancers.values():
        made.created_time = old(100)
    return [silent], vpc, subnets[0]


def gateways(vpc, subnet):
    """One that carries nothing, and one that carries little."""

    def gateway(value):
        made = ec2.create_nat_gateway(SubnetId=subnet, ConnectivityType="private")
        id = made["NatGateway"]["NatGatewayId"]
        for metric in [
            "ActiveConnectionCount",
            "PacketsInFromSource",
            "BytesOutToDestination",
            "BytesInFromDestination",
        ]:
            measure("AWS/NATGateway", metric, "NatGatewayId", id, value)
        return id

    idle = gateway(0.0)
    gateway(5000.0)
    for made in memory.nat_gateways.values():
        made._created_at = old(100)
    return [idle]


def groups():
    """One that keeps 80 GiB for ever, one with a retention, and a young one."""
    backend = logs_backends[ACCOUNT][REGION]
    for name in ["/shop/for-ever", "/shop/kept", "/shop/young"]:
        logs.create_log_group(logGroupName=name)
        logs.create_log_stream(logGroupName=name, logStreamName="web")
    logs.put_retention_policy(logGroupName="/shop/kept", retentionInDays=30)
    for name, group in backend.groups.items():
        group.streams["web"].stored_bytes = 80 << 30
        if name != "/shop/young":
            group.creation_time = old(400).replace(tzinfo=None)
    return ["/shop/for-ever"]


idle, machine = instances()
vacant = volumes()
aged = snapshots(machine)
forgotten, database_snapshots = databases()
silent, vpc, subnet = balancers()
carried = gateways(vpc, subnet)
kept = groups()
planted = {
    "ec2-utilization": idle,
    "ebs-unused": vacant,
    "ebs-snapshots": aged,
    "rds-utilization": forgotten,
    "rds-snapshots": database_snapshots,
    "load-balancers": silent,
    "nat-gateways": carried,
    "log-retention": kept,
}
print(json.dumps({"endpoint": ENDPOINT, "planted": planted}), flush=True)
sys.stdin.read()
server.stop()
