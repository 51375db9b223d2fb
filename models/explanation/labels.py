"""Words for the numbers of an explanation, as a member reads them beside the amounts."""

from __future__ import annotations

from collections.abc import Mapping

from models.explanation.language import mark

SUMMARY: Mapping[str, str] = {
    "alone_eur": mark("Alone it would have been"),
    "benefit_eur": mark("Benefit of the community, deducted"),
    "wear_eur": mark("Wear of your battery, deducted: on no bill"),
    "islanded_eur": mark("Energy shared without the grid"),
    "bill_eur": mark("Bill for the day's energy"),
}
"""alone - benefit - wear + islanded = bill."""

PARTS: Mapping[str, str] = {
    "part_plain_eur": mark("Your home's own part"),
    "part_weighting_eur": mark("Agreed weights"),
    "part_scaling_eur": mark("The real day against the best plan"),
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
    "total_eur": mark("To pay for this day in all"),
}
"""alone - plain - weighting - rounding = bill."""

SUBTRACTED = frozenset({"benefit_eur", "wear_eur", "peak_plain_eur", "peak_weighting_eur", "peak_rounding_eur"})
"""Shown with the opposite sign, so that each table adds up from its first line down to its result."""

CORRECTION: Mapping[str, str] = {
    "correction_bill_before_eur": mark("Bill for the day's energy, before"),
    "correction_alone_eur": mark("Cost alone"),
    "correction_wear_eur": mark("Wear of your battery"),
    "correction_share_eur": mark("Your share of the gain"),
    "correction_solidarity_eur": mark("Solidarity among members"),
    "correction_islanded_eur": mark("Energy shared without the grid"),
    "correction_bill_after_eur": mark("Bill for the day's energy, now"),
    "correction_peak_before_eur": mark("Highest power, booked before"),
    "correction_peak_after_eur": mark("Highest power, booked now"),
}
"""before + alone + wear + share + solidarity + islanded = after: what each line does to the bill."""

WEIGHT: Mapping[str, str] = {
    "weight_so_far": mark("Weight until now"),
    "reference_weight_step": mark("What an average home would get"),
    "weight_weight_step": mark("Weight until now, against the average of 1"),
    "burden_frac_weight_step": mark("Your energy costs"),
    "access_frac_weight_step": mark("Your renewable energy"),
    "is_priority_weight_step": mark("The community's by-law"),
    "pv_kwp_weight_step": mark("Your solar panels"),
    "battery_kwh_weight_step": mark("Your battery"),
    "mean_demand_kw_weight_step": mark("Your consumption"),
    "last_share_frac_weight_step": mark("Your last part of the gain"),
    "limit_weight_step": mark("Limit of one step"),
    "projection_weight_step": mark("Scaling to an average of 1"),
    "weight_from_now_on": mark("Weight from this day on"),
}
"""The first and all changes add up to the last."""

WEIGHTS = frozenset({"weight_so_far", "weight_from_now_on"})
"""Weights themselves; the others are changes and have a sign."""

HEADINGS: Mapping[str, str] = {
    "summary": mark("The day"),
    "parts": mark("What the benefit is made of"),
    "times": mark("Your own part by time of day"),
    "assets": mark("Your own part by what you have"),
    "peak": mark("Charge on the highest power"),
    "correction": mark("What changed since the earlier figures"),
    "weight": mark("Change of your weight"),
    "provisional": mark("Provisional: later meter values may change it."),
}
