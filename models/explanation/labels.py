"""Words for the numbers of an explanation, as a member reads them beside the amounts."""

from __future__ import annotations

from collections.abc import Mapping

from models.explanation.language import mark

SUMMARY: Mapping[str, str] = {
    "alone_eur": mark("Alone it would have been"),
    "benefit_eur": mark("Benefit of the community"),
    "wear_eur": mark("Wear of your battery, on no bill"),
    "islanded_eur": mark("Energy shared without the grid"),
    "bill_eur": mark("On your bill"),
}
"""alone - benefit - wear + islanded = bill."""

PARTS: Mapping[str, str] = {
    "part_plain_eur": mark("Your home's own part"),
    "part_weighting_eur": mark("Agreed weights"),
    "part_scaling_eur": mark("The day as it really went"),
    "part_carried_eur": mark("Earlier and new losses"),
    "part_solidarity_eur": mark("Solidarity among members"),
    "part_rounding_eur": mark("Rounding"),
}
"""They add up to the benefit."""

TIMES: Mapping[str, str] = {
    "time_night_eur": mark("Night (22-6)"),
    "time_morning_eur": mark("Morning (6-10)"),
    "time_midday_eur": mark("Midday (10-16)"),
    "time_evening_eur": mark("Evening (16-22)"),
    "time_wear_eur": mark("Wear of batteries"),
}
"""They add up to the home's own part."""

ASSETS: Mapping[str, str] = {
    "asset_demand_eur": mark("Consumption"),
    "asset_pv_eur": mark("Solar panels"),
    "asset_battery_eur": mark("Battery"),
    "asset_ev_eur": mark("Car"),
    "asset_planning_eur": mark("Planning all devices together"),
}
"""They add up to the home's own part."""

PEAK: Mapping[str, str] = {
    "peak_alone_eur": mark("For your own highest power alone"),
    "peak_plain_eur": mark("Homes peak at different times"),
    "peak_weighting_eur": mark("Agreed weights"),
    "peak_rounding_eur": mark("Rounding"),
    "peak_bill_eur": mark("Your part so far"),
    "peak_today_eur": mark("Booked for this day"),
}
"""alone - plain - weighting - rounding = bill."""

WEIGHT: Mapping[str, str] = {
    "reference_log_step": mark("Average home"),
    "weight_log_step": mark("Your present weight"),
    "burden_frac_log_step": mark("Your energy costs"),
    "access_frac_log_step": mark("Your renewable energy"),
    "is_priority_log_step": mark("The community's by-law"),
    "pv_kwp_log_step": mark("Your solar panels"),
    "battery_kwh_log_step": mark("Your battery"),
    "mean_demand_kw_log_step": mark("Your consumption"),
    "last_share_frac_log_step": mark("Your last part of the gain"),
    "limit_log_step": mark("Limit of one step"),
    "projection_log_step": mark("Scaling to an average of 1"),
}
"""They add up to the change of the weight's logarithm."""

HEADINGS: Mapping[str, str] = {
    "summary": mark("The day"),
    "parts": mark("What the benefit is made of"),
    "times": mark("Your own part by time of day"),
    "assets": mark("Your own part by what you have"),
    "peak": mark("Charge on the highest power"),
    "weight": mark("Change of your weight"),
    "provisional": mark("Provisional: later meter values may change it."),
}
