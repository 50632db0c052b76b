"""What udev says of devices, translated."""

import pytest

from dashcamd.storage.udev import block_of

USB = "/devices/platform/scb/fd500000.pcie/pci0000:00/0000:01:00.0/usb2/2-1/2-1:1.0/host0"


def bus(name, devpath, **properties):
    said = {"DEVNAME": "/dev/" + name, "DEVPATH": devpath, **properties}
    return block_of(said, number=0x801, disk=name, sectors=1, is_read_only=False).bus


@pytest.mark.parametrize(
    ("found", "name", "devpath", "id_bus"),
    [
        ("usb", "sda1", USB + "/target0:0:0/0:0:0:0/block/sda/sda1", "usb"),
        ("usb", "sda1", USB + "/target0:0:0/0:0:0:0/block/sda/sda1", "ata"),
        ("ata", "sda", "/devices/pci0000:00/0000:00:17.0/ata1/host0/block/sda", "ata"),
        ("mmc", "mmcblk1p1", "/devices/platform/mmc1/mmc1:aaaa/block/mmcblk1/mmcblk1p1", ""),
        ("usb", "mmcblk1", USB + "/rtsx_usb_sdmmc/mmc_host/mmc1/block/mmcblk1", ""),
        ("nvme", "nvme0n1", "/devices/pci0000:00/0000:01:00.0/nvme/nvme0/nvme0n1", ""),
        ("virtio", "vda", "/devices/pci0000:00/0000:00:04.0/virtio1/block/vda", ""),
    ],
    ids=["stick", "disk in a USB case", "built-in disk", "card", "card reader", "nvme", "virtual"],
)
def test_a_device_is_on_the_bus_that_a_person_sees(found, name, devpath, id_bus):
    assert bus(name, devpath, ID_BUS=id_bus) == found
