"""DICOM's two objects for masks, SEG and RTSTRUCT: written on the frames of their series, and read as references."""
