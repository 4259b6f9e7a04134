"""Run by Label Studio's own Python: what its SDK says of the questions, answers and masks on standard input."""

import json
import sys

import numpy as np
from label_studio_sdk.converter.brush import decode_rle, mask2rle
from label_studio_sdk.label_interface import LabelInterface


def main() -> None:
    """{"questions": {name: xml}, "answers": [[name, result]], "masks": [[rows, rle]]} -> lists of what is wrong."""
    asked = json.load(sys.stdin)
    interfaces = {name: LabelInterface(xml) for name, xml in asked["questions"].items()}
    wrong = []
    for name, interface in interfaces.items():
        try:
            interface.validate()
        except Exception as error:  # noqa: BLE001  # whatever it is, it is said
            wrong.append(f"{name}: {error}")
    for name, result in asked["answers"]:
        if not interfaces[name].validate_annotation({"result": result}):
            said = interfaces[name].validate_prediction({"result": result}, return_errors=True)
            wrong.append(f"{name}: {said}"[:600])
    for rows, rle in asked["masks"]:
        mask = np.array(rows, dtype=np.uint8) * 255
        if mask2rle(mask) != rle or decode_rle(rle).reshape(*mask.shape, 4)[:, :, 3].tolist() != mask.tolist():
            wrong.append(f"a mask of {mask.shape}")
    print(json.dumps(wrong))


if __name__ == "__main__":
    main()
