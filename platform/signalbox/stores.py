"""How Django's storage speaks to S3 or to a store like it."""

from typing import Any

from boto3.s3.transfer import TransferConfig
from botocore.config import Config

from signalbox.environment import Environment


def s3_store(environment: Environment) -> dict[str, Any]:
    """The entry of `STORAGES` for the bucket that `environment` names."""
    own_address = environment.aws_s3_endpoint_url
    return {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": environment.s3_bucket,
            "access_key": environment.aws_access_key_id or None,
            "secret_key": environment.aws_secret_access_key or None,
            "endpoint_url": own_address or None,
            "client_config": Config(
                s3={"addressing_style": "path" if own_address else "auto"},
                signature_version="s3v4",
                connect_timeout=5,
                read_timeout=20,
                retries={"mode": "standard", "max_attempts": 2},
            ),
            # One request for one object, whole or not at all; no file of ours is larger.
            "transfer_config": TransferConfig(multipart_threshold=64 * 1024 * 1024, use_threads=False),
            "max_memory_size": 1024 * 1024,  # what is read beyond this waits on disk
            "default_acl": None,
            "file_overwrite": False,
            "querystring_expire": 60,
        },
    }
