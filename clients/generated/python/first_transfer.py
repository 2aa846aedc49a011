"""Posts one transfer, once, however many attempts it takes."""

import os
import random
import time
import uuid

import httpx
from holdfast_client import AuthenticatedClient
from holdfast_client.api.transfers import post_transfers
from holdfast_client.models import Problem, Transfer, TransferRequest

client = AuthenticatedClient(base_url=os.environ["API"], token=os.environ["KEY"])

# Store the id before the first attempt: whoever sends the same id again gets the same outcome.
request = TransferRequest(
    transaction_id=os.environ.get("ID", str(uuid.uuid4())),
    source_account="demo-alice",
    destination_account="demo-bob",
    amount="12.34",
    currency="EUR",
    reference="Python",
)


def transfer(request: TransferRequest, deadline: float = 60) -> Transfer | Problem:
    """Sends the same request until it has an outcome. Raises if it is still unknown at the deadline."""
    until = time.monotonic() + deadline
    wait = 0.1
    while True:
        asked = 0.0
        try:
            answer = post_transfers.sync_detailed(client=client, body=request)
            # 429 and errors of the service may be repeated; everything else is final.
            if answer.status_code != 429 and answer.status_code < 500:
                assert isinstance(answer.parsed, (Transfer, Problem))
                return answer.parsed
            asked = float(answer.headers.get("Retry-After", 0))
        except (httpx.TransportError, ValueError):
            pass  # No answer, or one of a proxy: the transfer may or may not have been made.
        pause = max(asked, wait * random.uniform(0.5, 1))
        if time.monotonic() + pause > until:
            raise TimeoutError(f"the outcome of {request.transaction_id} is unknown: send it again later")
        time.sleep(pause)
        wait = min(wait * 2, 5)


outcome = transfer(request)
if isinstance(outcome, Problem):
    print("refused", outcome.code, outcome.detail)
else:
    print("posted", outcome.transaction_id, "replayed" if outcome.replayed else "new")
