"""Keeps what people report of pictures, within the limits of visitor, network and picture."""

from ninefold.service.gateway import Gateway
from ninefold.service.limits import enough_reports
from ninefold.service.store.reports import NewReport, add_report
from ninefold.service.visitors import Requester


async def keep_report(gateway: Gateway, requester: Requester, report: NewReport) -> None:
    """Keep a report for the operators.

    Raises:
        Refusal: the visitor or the network reported too much (`rate_limited`), or the picture was
            reported so often that one more would say nothing new (`enough_reports`).
    """
    await gateway.limits.take_report(requester, report.hash)
    max_reports = gateway.settings.reports_per_picture
    async with gateway.database.begin() as connection:
        is_kept = await add_report(connection, report, requester.share, max_reports=max_reports)
    if not is_kept:
        raise enough_reports()
